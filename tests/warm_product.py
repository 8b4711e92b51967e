"""Imported by the fork server of `tests.warm`: the whole product, its commands' modules included."""

import importlib

import django
import pytest  # noqa: F401  (the main module of the run, which every fork looks at again)

django.setup()
for name in ("bridge_mqtt", "bridge_mtconnect", "bridge_opcua"):
    importlib.import_module(f"exceptions_app.management.commands.{name}")
