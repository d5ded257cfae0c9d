"""`python -m diml_envs`: the command line."""

from diml_envs.cli import main

if __name__ == "__main__":
    main()
