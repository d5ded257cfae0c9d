#!/usr/bin/env bash
# Makes the environment, runs the quickstart, the linters and all tests. Arguments go to pytest; --slow adds
# the recovery and benchmark tests that take minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/environment.sh
make_environment "[dev]"
DIML_EXTRAS="[dev]" bash scripts/quickstart.sh
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/pyright
.venv/bin/python -m pytest -q -n 2 --dist loadfile "$@"
