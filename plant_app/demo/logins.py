"""Hands out the demo's logins: one password of this installation, one API token each, written to a file only."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction

from core import clock, keys
from plant_app import models
from plant_app.demo.cast import CAST
from plant_app.demo.master import username
from plant_app.services.access import issue_token

TOKEN_NAME = "demo"  # noqa: S105 (a name, not a secret)


def issue_logins(path: Path) -> list[dict[str, Any]]:
    """Write `path` with role, username, password and API token of each demo login; return what it says.

    A file that is there is kept, secrets included. Where it is not, the cast get a new password and new tokens, and
    tokens handed out before are ended, since nobody can read the old ones again.
    """
    if path.exists():
        kept: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    password = f"kolbe-{keys.new_token(6)}"
    hashed = make_password(password)  # one hash for all: the password is one, and hashing is slow on purpose
    rows: list[dict[str, Any]] = []
    with transaction.atomic():
        people = {
            user.username: user for user in models.User.objects.select_for_update(of=("self",), no_key=True)
        }
        for role in CAST:
            user = people.get(username(role.name))
            if not role.login or user is None:
                continue
            user.password = hashed
            user.save(update_fields=["password"])
            models.ApiToken.objects.filter(user=user, name=TOKEN_NAME, revoked_at=None).update(
                revoked_at=clock.now()
            )
            _token, secret = issue_token(user=user, name=TOKEN_NAME)
            rows.append(
                {
                    "role": role.access, "function": role.function, "site": role.site, "name": role.name,
                    "username": user.username, "password": password, "api_token": secret,
                }
            )  # fmt: skip
        _write(path, rows)
    return rows


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Whole or not at all, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False, indent=1)
    Path(name).replace(path)
