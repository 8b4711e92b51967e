"""Posts as mail providers send them, and a source to send them to."""

import base64
import json
from typing import Any

from django.test import Client

from exceptions_app.models import Source
from tests.plant_fixtures import KolbeMini

LOGIN = "provider:a long password"
KEY = "key-of-this-source"
JPEG = b"\xff\xd8\xff\xe0" + b"\x01" * 30_000


def make(plant: KolbeMini, adapter: str, **secrets: str) -> Source:
    return Source.objects.create(
        code=f"{adapter}-rhf",
        name=adapter,
        channel="email",
        adapter=adapter,
        site=plant.rhf,
        secrets=secrets or {"webhook_secret": LOGIN},
    )


def basic(login: str = LOGIN) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def post(source: Source, body: Any, *, headers: dict[str, str] | None = None, form: bool = False) -> Any:
    data = body if form else (body if isinstance(body, bytes) else json.dumps(body))
    kind = {} if form else {"content_type": "application/json"}
    return Client().post(f"/hooks/email/{source.code}/", data, headers=headers or {}, **kind)
