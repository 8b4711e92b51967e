#!/bin/sh
# Pins requirements/*.in with hashes and without any index address, for every supported Python and platform.
set -eu
cd "$(dirname "$0")/../requirements"
uv=../.venv/bin/uv
options="--generate-hashes --no-emit-index-url --no-emit-find-links --universal --python-version 3.11 --no-header --no-annotate --quiet"
$uv pip compile base.in --output-file base.txt $options "$@"
$uv pip compile dev.in --constraints base.txt --output-file dev.txt $options "$@"
