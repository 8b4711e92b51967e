# Everything a person does with a checkout. Needs make and one Python 3.11 to 3.13; the rest installs itself.
SHELL := /bin/sh
VENV := .venv/bin
ENVIRONMENT = py=$$(sh deploy/find-python.sh) && "$$py" deploy/environment.py

.DEFAULT_GOAL := help
.PHONY: help run test lint format check bench openapi requirements env dev-env

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: env ## start the whole demo plant (PORT, HOST, TLS=1, ERP=none, SIMULATE=0, EXECLAYER_HOME, DATABASE_URL, REDIS_URL)
	@exec $(VENV)/python -m execlayer.launcher --with-parent

test: dev-env ## every test, with its own PostgreSQL, Valkey, Tryton and Chromium (ARGS="-k name")
	@sh deploy/chromium.sh
	@sh deploy/mosquitto.sh
	@$(VENV)/python -m pytest $(ARGS)

lint: dev-env ## ruff, format, mypy, import-linter, templates
	@sh deploy/lint.sh

format: dev-env ## let ruff rewrite the code
	@$(VENV)/ruff check --fix . && $(VENV)/ruff format .

check: lint ## lint, missing migrations, OpenAPI file, deployment settings
	@sh deploy/check.sh

bench: env ## measure, print tables, write .execlayer/bench.json (FULL=1 adds the long runs, ONLY=words picks by title)
	@$(VENV)/python -m bench

openapi: dev-env ## rewrite docs/openapi.yaml
	@$(VENV)/python manage.py spectacular --file docs/openapi.yaml --fail-on-warn

requirements: dev-env ## pin requirements/*.in anew, with hashes
	@sh deploy/pin.sh

env:
	@$(ENVIRONMENT) base

dev-env:
	@$(ENVIRONMENT) dev
