#!/bin/sh
# Makes the virtual environment in the folder $1 with the first Python >= 3.11 it finds; PYTHON=... names one.
set -eu

venv=$1

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null 2>&1 && is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    cat >&2 <<'END'
This needs Python 3.11 or newer, and none was found (tried python3, python3.11 to python3.14, python).
  Debian 12 and later, Ubuntu 24.04 and later:  apt-get install python3 python3-venv
  macOS:                                        brew install python
If it lies elsewhere, name it:                  make demo PYTHON=/path/to/python3
END
    exit 1
}

can_make_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

python=$(find_python)
if ! can_make_venv "$python"; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Debian keeps Python's venv module in a package of its own; installing python3-venv ..."
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
    else
        echo "$python has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 1
    fi
fi

echo "Making $venv with $("$python" --version) ..."
# A half-made one must not be taken for whole at the next try.
"$python" -m venv "$venv" || { rm -rf "$venv"; exit 1; }
