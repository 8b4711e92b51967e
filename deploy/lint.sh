#!/bin/sh
# Every static gate; runs them all and fails if one did.
cd "$(dirname "$0")/.." || exit 1
bin=.venv/bin
failed=""
gate() {
    name=$1
    shift
    printf '== %s\n' "$name"
    "$@" || failed="$failed $name"
}
gate ruff "$bin/ruff" check .
gate format "$bin/ruff" format --check .
gate mypy "$bin/mypy"
gate layers "$bin/lint-imports"
templates=$(find . -path ./.venv -prune -o -path ./.execlayer -prune -o -path '*/templates/*' -name '*.html' -print)
if [ -n "$templates" ]; then
    # shellcheck disable=SC2086
    gate templates "$bin/djade" --target-version 5.2 --check $templates
fi
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
