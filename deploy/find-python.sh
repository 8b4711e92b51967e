#!/bin/sh
# Prints the newest suitable interpreter (3.11 to 3.13, with venv), or says what to install.
# PYTHON, when given, is used or refused; nothing else is tried then.
try() {
    command -v "$1" >/dev/null 2>&1 || return 1
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}
if [ -n "${PYTHON:-}" ]; then
    if try "$PYTHON"; then echo "$PYTHON"; exit 0; fi
    echo "PYTHON=$PYTHON is not a Python 3.11 to 3.13 with venv." >&2
    exit 1
fi
for candidate in python3.13 python3.12 python3.11 python3 python; do
    if try "$candidate"; then echo "$candidate"; exit 0; fi
done
echo "No Python 3.11 to 3.13 with venv was found." >&2
echo "Debian or Ubuntu: apt-get install python3 python3-venv    macOS: brew install python@3.13    or set PYTHON=/path/to/python" >&2
exit 1
