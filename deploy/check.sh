#!/bin/sh
# What lint does not see: models without their migration, labels nobody translated, an OpenAPI file that lies, settings
# unfit for the open.
cd "$(dirname "$0")/.." || exit 1
python=.venv/bin/python
failed=""
printf '== migrations\n'
$python -m execlayer.launcher.temporary $python manage.py makemigrations --check --dry-run || failed="$failed migrations"
printf '== labels\n'
$python deploy/labels.py check || failed="$failed labels"
printf '== openapi\n'
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
if $python manage.py spectacular --file "$fresh" --fail-on-warn && diff -u docs/openapi.yaml "$fresh"; then
    echo "docs/openapi.yaml says what the code does"
else
    echo "docs/openapi.yaml differs from the code: make openapi" >&2
    failed="$failed openapi"
fi
printf '== deployment\n'
SECRET_KEY=$($python -c 'import secrets; print(secrets.token_urlsafe(50))') \
    PUBLIC_URL=https://plant.example ALLOWED_HOSTS=plant.example DEBUG=0 \
    $python manage.py check --deploy --fail-level WARNING || failed="$failed deployment"
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
