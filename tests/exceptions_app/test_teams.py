"""Teams outgoing webhook: signed with its token, read in the same breath, answered with the reference."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from exceptions_app import services
from exceptions_app.channels import teams
from exceptions_app.models import ContactAddress, ExceptionRecord, SentMessage, Signal, Source
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.messengers import SECURITY_TOKEN, source_for, teams_activity, teams_post
from tests.plant_fixtures import KolbeMini

DOWN = "<at>Floor</at> press 4 down, hydraulic leak"


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    """Teams at Rheinfelden, with Piotr known."""
    ContactAddress.objects.create(
        kind="teams", address="aad-piotr", user=plant.people["piotr.nowak"], verified_at=clock.now()
    )
    return source_for("teams", plant.rhf)


def test_a_report_is_answered_at_once_with_its_reference(source: Source, plant: KolbeMini) -> None:
    answer = teams_post(source, teams_activity(DOWN, activity="1"))

    exception = ExceptionRecord.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "type": "message", "text": f"{exception.ref}: {exception.title}. Maintenance is told.",
    }  # fmt: skip
    assert exception.status == "open"
    signal = Signal.objects.get()
    assert signal.text == "press 4 down, hydraulic leak"
    assert (signal.external_id, signal.reply_to) == ("19:abc@thread.tacv2/1", "")
    assert (signal.sender, signal.reporter) == ("aad-piotr", plant.people["piotr.nowak"])
    told = SentMessage.objects.get()
    assert (told.what, told.signal, told.exception) == ("opened", signal, exception)


def test_a_repeated_delivery_gets_the_same_answer(source: Source) -> None:
    first = teams_post(source, teams_activity(DOWN, activity="1")).json()
    again = teams_post(source, teams_activity(DOWN, activity="1")).json()

    assert again == first
    assert (Signal.objects.count(), SentMessage.objects.count()) == (1, 1)


def test_the_answer_is_in_the_reporter_s_language(source: Source, plant: KolbeMini) -> None:
    piotr = plant.people["piotr.nowak"]
    piotr.language = "pl"
    piotr.save()

    text = teams_post(source, teams_activity(DOWN, activity="1")).json()["text"]

    exception = ExceptionRecord.objects.get()
    assert text == f"{exception.ref}: {exception.title}. Powiadomiono: utrzymanie ruchu."


def test_chatter_opens_nothing_and_says_so(source: Source) -> None:
    answer = teams_post(source, teams_activity("<at>Floor</at> thanks", activity="1"))

    assert answer.json()["text"] == "Received. Nothing new was opened from it."
    assert not ExceptionRecord.objects.exists()


def test_a_reader_that_fails_leaves_it_to_the_worker(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    from exceptions_app.services.channels import read

    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(read, "interpret", broken)
        answer = teams_post(source, teams_activity(DOWN, activity="1"))

    assert answer.json()["text"] == "Received, someone will look at it."
    assert not SentMessage.objects.exists()
    with clock.travel(MORNING + timedelta(seconds=5)):
        services.read_due_signals()
    assert ExceptionRecord.objects.get().status == "open"


@pytest.mark.parametrize("authorization", ["", "HMAC", "HMAC AAAA", "Bearer x", "HMAC ü"])
def test_what_is_not_signed_by_teams_is_refused_and_not_kept(source: Source, authorization: str) -> None:
    answer = teams_post(source, teams_activity(DOWN, activity="1"), authorization=authorization)

    assert (answer.status_code, answer.json()["code"]) == (401, "hooks.signature")
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert SECURITY_TOKEN not in answer.content.decode()
    assert not Signal.objects.exists()


@pytest.mark.parametrize("token", ["", "not base64!"])
def test_a_source_without_a_usable_token_lets_nobody_in(source: Source, token: str) -> None:
    source.secrets = {"security_token": token}
    source.save()
    empty = "HMAC " + base64.b64encode(hmac.new(b"", b"{}", hashlib.sha256).digest()).decode()

    assert teams_post(source, b"{}", authorization=empty).status_code == 401


def test_a_stranger_only_raises_a_question(source: Source) -> None:
    answer = teams_post(source, teams_activity(DOWN, activity="1", user="aad-nobody"))

    exception = ExceptionRecord.objects.get()
    assert exception.status == "triage"
    assert answer.json()["text"] == f"{exception.ref}: received, someone is looking at it."


def test_an_answer_in_the_thread_joins_the_record(source: Source) -> None:
    teams_post(source, teams_activity(DOWN, activity="1"))
    with clock.travel(MORNING + timedelta(minutes=20)):
        answer = teams_post(
            source, teams_activity("<at>Floor</at> the pump leaks at the flange", activity="2", thread="1")
        )

    exception = ExceptionRecord.objects.get()
    assert exception.events.filter(kind="joined").count() == 1
    assert answer.json()["text"].startswith(f"{exception.ref}: {exception.title}. This is known already")


def test_markup_goes_and_files_are_named(source: Source) -> None:
    html = '<p><at id="0">Floor</at>&nbsp;press&nbsp;4 <b>down</b></p><p>see photo</p>'
    files = [{"contentType": "image/png", "name": "leak.png"}, {"contentType": "text/html", "content": html}]
    teams_post(source, teams_activity(html, activity="1", attachments=files))

    assert Signal.objects.get().text == "press 4 down\nsee photo\n[leak.png]"


@pytest.mark.parametrize("body", [b"{no", b"[]", b"{}", b'{"type":"message"}', b"\xff"])
def test_signed_but_strange_is_kept_whole_and_shown_to_a_person(source: Source, body: bytes) -> None:
    answer = teams_post(source, body)

    assert answer.status_code == 200
    exception = ExceptionRecord.objects.get()
    assert exception.status == "triage"
    assert exception.ref in answer.json()["text"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["type", "id", "conversation", "from", "text", "attachments", "name", "contentType"]),
        inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


@given(_JSON)
def test_no_activity_is_too_strange(data: Any) -> None:
    body = {**(data if isinstance(data, dict) else {"text": data}), "type": "message"}
    for one in (data, body, {**body, "id": "1", "conversation": {"id": "c"}}):
        (found,) = teams.normalise(json.dumps(one).encode())
        assert found.external_id
        assert len(found.external_id) <= 200


@given(st.text(max_size=80))
def test_no_text_is_too_strange(text: str) -> None:
    assert "<at>" not in teams.plain(f"<at>x</at>{text}").replace(text, "")
