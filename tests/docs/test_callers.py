"""The programs on the page for other systems are run as they stand there: what they post is stored by the product."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from django.test import Client

from exceptions_app.channels.webhook import new_secret
from exceptions_app.models import Channel, Signal, Source

PAGE = Path(__file__).parents[2] / "docs" / "callers.md"
EVENT = {"id": "gw-1", "message": "press 4 down, hydraulic leak", "sender": "gateway"}
NODE = shutil.which("node")


def program(heading: str, language: str) -> str:
    """The first program below a heading."""
    part = PAGE.read_text().split(f"## {heading}\n")[1]
    found = re.search(rf"```{language}\n(.*?)```", part, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def source(db: None) -> Source:
    return Source.objects.create(
        code="caller", name="Caller", channel=Channel.WEBHOOK, adapter="webhook", secret=new_secret(),
        mapping={"text": "message", "external_id": "id", "reporter": "sender"},
    )  # fmt: skip


def post(body: str, headers: dict[str, str]) -> Any:
    return Client().post(
        "/hooks/caller/", body, content_type="application/json",
        headers={name: value for name, value in headers.items() if name.startswith("webhook-")},
    )  # fmt: skip


def stored() -> list[tuple[str, str, str]]:
    return list(Signal.objects.values_list("external_id", "text", "reporter_text"))


WANTED = [("gw-1", "press 4 down, hydraulic leak", "gateway")]


def run(script: str) -> dict[str, Any]:
    """What a piece of JavaScript prints."""
    assert NODE is not None
    done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_ignition_script_reports(source: Source) -> None:
    """Its only outside part, the gateway's HTTP client, is stood in for by a real request."""

    class HttpClient:
        def __init__(self, timeout: int) -> None:
            assert timeout == 10000

        def post(self, url: str, data: bytes, headers: dict[str, str]) -> Any:
            assert httpx.URL(url).path == "/hooks/caller/"
            return SimpleNamespace(statusCode=post(data.decode(), headers).status_code)

    system = SimpleNamespace(net=SimpleNamespace(httpClient=HttpClient))
    names: dict[str, Any] = {"system": system}
    exec(program("Ignition", "python"), names)  # noqa: S102 - the page under test
    for _ in range(2):
        assert names["report"]("https://plant.example/hooks/caller/", source.secret, EVENT) is True
    assert stored() == WANTED
    assert names["report"]("https://plant.example/hooks/caller/", new_secret(), EVENT) is False


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_node_red_function_reports(source: Source) -> None:
    settings = {"REPORT_URL": "https://plant.example/hooks/caller/", "REPORT_SECRET": source.secret}
    message = run(
        f"const settings = {json.dumps(settings)}; const env = {{get: (name) => settings[name]}};"
        f"const msg = {{_msgid: 'x', payload: {json.dumps(EVENT)}}}; const crypto = require('crypto');"
        f"const done = (() => {{ {program('Node-RED', 'js')} }})(); console.log(JSON.stringify(done));"
    )
    assert (message["method"], message["url"]) == ("POST", settings["REPORT_URL"])
    assert post(message["payload"], message["headers"]).status_code == 202
    assert stored() == WANTED


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_n8n_node_reports(source: Source) -> None:
    found = run(
        f"const $json = {json.dumps(EVENT)}; const $execution = {{id: 'x'}};"
        f"const $env = {json.dumps({'REPORT_SECRET': source.secret})};"
        f"const done = (() => {{ {program('n8n', 'js')} }})(); console.log(JSON.stringify(done));"
    )["json"]
    page = PAGE.read_text()
    headers = {
        f"webhook-{part}": found[name]
        for part, name in (("id", "id"), ("timestamp", "stamp"), ("signature", "signature"))
        if f"`webhook-{part}` `{{{{ $json.{name} }}}}`" in page
    }
    assert len(headers) == 3
    assert post(found["body"], headers).status_code == 202
    assert stored() == WANTED
