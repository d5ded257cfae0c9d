# Sourced by the other scripts: makes .venv with the tested versions, or brings it up to date. $1: pip extras.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

make_environment() {
  local extras="$1" python="${PYTHON:-python3}" stamp
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "expected Python 3.11 or newer; found $("$python" --version 2>&1); set PYTHON=/path/to/python3.11" >&2
    exit 2
  }
  stamp="$(cat pyproject.toml constraints.txt | cksum)"
  case "$(cat .venv/installed 2>/dev/null || true)" in
    "$extras $stamp" | "[dev] $stamp") return ;; # everything is there, or more
  esac
  [[ -x .venv/bin/python ]] || "$python" -m venv .venv
  echo "installing into .venv (first time: a minute or two) ..."
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".$extras"
  echo "$extras $stamp" > .venv/installed
}
