"""The examples of the channels page really work: signed as it says, taken by the webhook itself."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core import clock
from exceptions_app.models import ExceptionRecord, Signal, Source
from exceptions_app.services import load_default_sources
from exceptions_app.services.channels.sources import DEMO_MAPPING
from plant_app.defaults.catalogue import CATALOGUE
from plant_app.defaults.reasons import REASONS
from plant_app.services import issue_token
from routing_app.services import load_default_rules
from tests.docs.pages import DOCS
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db
URL = "http://plant.example"


def _blocks(language: str) -> list[str]:
    page = (DOCS / "channels.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.fixture
def source(kolbe_mini: KolbeMini) -> Source:
    """The demo webhook of Rheinfelden, as every demo has it."""
    load_default_sources(sites=[kolbe_mini.rhf])
    return Source.objects.get(code="demo-rhf")


def _post(path: str, headers: dict[str, str], body: bytes) -> Any:
    given = {name.lower(): value for name, value in headers.items()}
    content_type = given.pop("content-type")
    return Client().post(path, body, content_type=content_type, headers=given)


class _Answer:
    def __init__(self, status: int) -> None:
        self.status = status

    def __enter__(self) -> "_Answer":
        return self

    def __exit__(self, *_: object) -> None:
        return None


def test_the_python_example_is_taken_and_one_with_another_key_is_not(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def urlopen(request: urllib.request.Request, timeout: float) -> _Answer:
        assert isinstance(request.data, bytes)
        answer = _post(request.full_url.removeprefix(URL), dict(request.header_items()), request.data)
        return _Answer(answer.status_code)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    (code,) = _blocks("python")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the very lines of the page
    send: Callable[[str, str, dict[str, Any]], int] = names["send"]

    assert send(f"{URL}/hooks/demo-rhf/", source.secret, names["event"]) == 202
    signal = Signal.objects.get()
    assert (signal.external_id, signal.text) == (names["event"]["id"], names["event"]["message"])
    assert signal.reporter_text == "gateway 3"
    assert send(f"{URL}/hooks/demo-rhf/", "whsec_" + "A" * 43 + "=", names["event"]) == 401
    assert Signal.objects.count() == 1


def _run(script: str, folder: Path, **variables: str) -> tuple[str, dict[str, str], bytes]:
    """Run a shell example with a stand-in for curl; what it was asked to send: path, headers, body."""
    stand_in = folder / "curl"
    stand_in.write_text('#!/bin/sh\nfor argument in "$@"; do printf "%s\\0" "$argument"; done > "$SAID"\n')
    stand_in.chmod(0o755)
    said = folder / "said"
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "SAID": str(said), "URL": URL, **variables}
    subprocess.run(["sh", "-eu", "-c", script], env=environment, check=True, timeout=60)
    arguments = said.read_text(encoding="utf-8").split("\0")[:-1]
    headers = dict(
        arguments[index + 1].split(": ", 1) for index, word in enumerate(arguments) if word == "-H"
    )
    path = next(word for word in arguments if word.startswith(URL)).removeprefix(URL)
    return path, headers, arguments[arguments.index("-d") + 1].encode()


def test_the_curl_example_is_taken(source: Source, tmp_path: Path) -> None:
    script = next(block for block in _blocks("sh") if "webhook-id" in block)
    path, headers, body = _run(script, tmp_path, SECRET=source.secret)

    assert _post(path, headers, body).status_code == 202
    assert Signal.objects.get().text == json.loads(body)["message"]


def test_the_api_example_opens_an_exception_and_its_repeat_does_not(
    source: Source, kolbe_mini: KolbeMini, tmp_path: Path
) -> None:
    load_default_rules()
    _token, secret = issue_token(user=kolbe_mini.people["erp.integration"], name="example")
    script = next(block for block in _blocks("sh") if "Bearer" in block)
    path, headers, body = _run(script, tmp_path, TOKEN=secret)

    first, again = _post(path, headers, body), _post(path, headers, body)

    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json()["replayed"], again.json()["replayed"]) == (False, True)
    assert first.json()["exception"]["links"]["work_unit"] == "PRS-04"
    assert ExceptionRecord.objects.count() == 1


def test_the_api_s_examples_are_understood(kolbe_mini: KolbeMini) -> None:
    """Form fields named in the example are the catalogue's, and its reason is one of the type's."""
    example = next(json.loads(block) for block in _blocks("json") if "mes-48212" in block)
    fields = example["fields"]
    form = next(pack.form for pack in CATALOGUE if pack.code == fields["type"])

    assert set(fields) - {"type"} <= {field["name"] for field in form}
    assert fields["reason"] in {row[0] for row in REASONS[fields["type"]]}


def test_the_mapping_shown_is_the_demo_s() -> None:
    assert json.loads(next(block for block in _blocks("json") if '"message"' in block)) == DEMO_MAPPING


def test_the_clock_of_these_tests_is_now() -> None:
    """The examples sign with the machine's time; a clock somebody left moved would hide a refusal."""
    assert not clock.moved()
