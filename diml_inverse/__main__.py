"""`python -m diml_inverse`: the command line."""

from diml_inverse.cli import main

if __name__ == "__main__":
    main()
