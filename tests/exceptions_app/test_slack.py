"""Slack's Events API: signatures as its own library makes them, people and not bots, threads, edits, files."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from core import clock
from exceptions_app import services
from exceptions_app.channels import slack
from exceptions_app.models import Attachment, ChannelUpdate, ContactAddress, ExceptionRecord, Signal, Source
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.messengers import (
    SIGNING_SECRET,
    slack_event,
    slack_message,
    slack_post,
    source_for,
)
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"
TS = "1763370840.000100"


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    """Slack at Rheinfelden, with Piotr known."""
    ContactAddress.objects.create(
        kind="slack", address="T1/UPIOTR", user=plant.people["piotr.nowak"], verified_at=clock.now()
    )
    return source_for("slack", plant.rhf)


def say(source: Source, event: dict[str, Any], *, event_id: str = "Ev1") -> Any:
    answer = slack_post(source, slack_event(event, event_id=event_id))
    assert answer.status_code == 200
    return answer


def test_slack_checks_the_address(source: Source) -> None:
    body = {
        "token": "x",
        "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
        "type": "url_verification",
    }

    assert slack_post(source, body).json() == {"challenge": body["challenge"]}
    assert slack_post(source, body, secret="guess").status_code == 401


def test_a_known_person_s_clear_message_opens_the_exception(source: Source, plant: KolbeMini) -> None:
    say(source, slack_message(DOWN, ts=TS))

    signal = Signal.objects.get()
    assert (signal.external_id, signal.channel, signal.conversation) == (f"CFLOOR/{TS}", "chat", "CFLOOR")
    assert (signal.sender, signal.reporter) == ("T1/UPIOTR", plant.people["piotr.nowak"])
    assert not ExceptionRecord.objects.exists()
    services.read_due_signals()
    assert ExceptionRecord.objects.get().status == "open"


def test_an_address_nobody_has_verified_is_a_stranger(source: Source) -> None:
    ContactAddress.objects.update(verified_at=None)
    say(source, slack_message(DOWN, ts=TS))
    services.read_due_signals()

    assert Signal.objects.get().reporter is None
    assert ExceptionRecord.objects.get().status == "triage"


@pytest.mark.parametrize(
    "change",
    [
        {"signature": ""},
        {"signature": "v0=00"},
        {"signature": "v1=ü"},
        {"secret": "another app"},
        {"stamp": int((MORNING - timedelta(minutes=6)).timestamp())},
        {"stamp": int((MORNING + timedelta(minutes=6)).timestamp())},
    ],
)
def test_what_is_not_signed_by_slack_now_is_refused_and_not_kept(
    source: Source, change: dict[str, Any]
) -> None:
    answer = slack_post(source, slack_event(slack_message(DOWN, ts=TS)), **change)

    assert (answer.status_code, answer.json()["code"]) == (401, "hooks.signature")
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert not Signal.objects.exists()


def test_a_retry_and_a_second_event_for_the_same_words_are_one(source: Source) -> None:
    say(source, slack_message(DOWN, ts=TS))
    say(source, slack_message(DOWN, ts=TS))
    say(source, {**slack_message(DOWN, ts=TS), "type": "app_mention"}, event_id="Ev2")
    services.read_due_signals()

    assert (Signal.objects.count(), ExceptionRecord.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "event",
    [
        slack_message(DOWN, ts=TS, bot_id="B1"),
        slack_message(DOWN, ts=TS, subtype="bot_message"),
        slack_message(DOWN, ts=TS, user="UBOT"),
        slack_message("joined", ts=TS, subtype="channel_join"),
        slack_message("topic", ts=TS, subtype="channel_topic"),
    ],
)
def test_bots_ourselves_and_the_channel_s_own_words_are_left_alone(
    source: Source, event: dict[str, Any]
) -> None:
    say(source, event)

    assert not Signal.objects.exists()


def test_only_the_channels_named_are_listened_to(source: Source) -> None:
    source.config = {"channels": "CFLOOR\nCOTHER"}
    source.save()
    say(source, slack_message(DOWN, ts=TS))
    say(source, slack_message(DOWN, ts=TS, channel="CLUNCH"), event_id="Ev2")

    assert Signal.objects.get().conversation == "CFLOOR"


def test_threads_files_and_markup(source: Source) -> None:
    event = slack_message(
        "<@UBOT> press 4 &amp; <#C2|press-shop>, see <https://x.example/a|the page>", ts="1763370900.000200",
        thread_ts=TS, subtype="file_share",
        files=[{"id": "F1", "name": "leak.jpg", "mimetype": "image/jpeg",
                "url_private": "https://files.slack.com/files-pri/T1-F1/leak.jpg",
                "url_private_download": "https://files.slack.com/files-pri/T1-F1/download/leak.jpg"}],
    )  # fmt: skip
    say(source, event)

    signal = Signal.objects.get()
    assert signal.text == "press 4 & #press-shop, see the page"
    assert (signal.conversation, signal.reply_to) == (f"CFLOOR/{TS}", f"CFLOOR/{TS}")
    row = Attachment.objects.get()
    assert (row.name, row.kind) == ("leak.jpg", "photo")
    assert row.external_ref == "https://files.slack.com/files-pri/T1-F1/download/leak.jpg"


def test_an_answer_in_the_thread_joins_the_record(source: Source) -> None:
    say(source, slack_message(DOWN, ts=TS))
    services.read_due_signals()
    with clock.travel(MORNING + timedelta(minutes=30)):
        more = slack_message("pump is leaking at the flange", ts="1763372700.000300", thread_ts=TS)
        slack_post(source, slack_event(more, event_id="Ev2"))
        services.read_due_signals()

    exception = ExceptionRecord.objects.get()
    assert [one.reading.exception for one in Signal.objects.all()] == [exception] * 2
    assert exception.events.filter(kind="joined").count() == 1


def _changed(text: str, before: str, **more: Any) -> dict[str, Any]:
    message = {
        "type": "message",
        "user": "UPIOTR",
        "text": text,
        "ts": TS,
        "edited": {"user": "UPIOTR", "ts": "1763370860.0"},
    }
    return {
        "type": "message", "subtype": "message_changed", "channel": "CFLOOR", "ts": "1763370860.000900",
        "message": {**message, **more}, "previous_message": {**message, "text": before},
    }  # fmt: skip


def test_an_edit_joins_the_story_and_an_unfurled_link_is_nothing(source: Source) -> None:
    say(source, slack_message(DOWN, ts=TS))
    services.read_due_signals()
    say(source, _changed(DOWN, DOWN, attachments=[{"title": "unfurled"}]), event_id="Ev2")
    say(source, _changed("ours", "ours before", bot_id="B1"), event_id="Ev3")
    say(source, _changed("press 4 down, hydraulic leak, left side", DOWN), event_id="Ev4")
    services.settle_updates()

    assert ChannelUpdate.objects.count() == 1
    line = ExceptionRecord.objects.get().events.get(kind="commented")
    assert line.data["edit"] == {"before": DOWN, "after": "press 4 down, hydraulic leak, left side"}


def test_a_message_taken_back_is_emptied(source: Source) -> None:
    say(source, slack_message(DOWN, ts=TS))
    services.read_due_signals()
    gone = {
        "type": "message", "subtype": "message_deleted", "channel": "CFLOOR", "ts": "1763370870.0", "deleted_ts": TS,
        "previous_message": {"type": "message", "user": "UPIOTR", "text": DOWN, "ts": TS},
    }  # fmt: skip
    say(source, gone, event_id="Ev2")
    services.settle_updates()

    assert Signal.objects.get().text == ""
    assert DOWN not in json.dumps(ChannelUpdate.objects.get().payload)


def test_a_thumb_is_a_line_and_taking_it_away_is_none(source: Source) -> None:
    say(source, slack_message(DOWN, ts=TS))
    services.read_due_signals()
    item = {"type": "message", "channel": "CFLOOR", "ts": TS}
    for number, kind in enumerate(("reaction_added", "reaction_removed")):
        say(
            source,
            {"type": kind, "user": "UPIOTR", "reaction": "eyes", "item": item},
            event_id=f"Ev{number + 2}",
        )
    services.settle_updates()

    assert ExceptionRecord.objects.get().events.get(kind="commented").text == "Piotr Nowak reacted :eyes:"


@pytest.mark.parametrize("body", [b"{no", b"[]", b"{}", b'{"type":"event_callback"}', b"\xff", b"["*9000])  # fmt: skip
def test_signed_but_strange_is_kept_whole_and_shown_to_a_person(source: Source, body: bytes) -> None:
    assert slack_post(source, body).status_code == 200
    assert slack_post(source, body).status_code == 200

    services.read_due_signals()
    assert Signal.objects.count() == 1
    assert ExceptionRecord.objects.get().status == "triage"


class _Stopped(Clock):
    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


@given(st.binary(max_size=200), st.integers(-400, 400))
def test_our_check_agrees_with_slack_s_own_library(raw: bytes, away: int) -> None:
    body = raw.decode("latin-1").encode()
    now = int(time.time())
    verifier = SignatureVerifier(SIGNING_SECRET, clock=_Stopped(float(now)))
    stamp = str(now + away)
    signature = verifier.generate_signature(timestamp=stamp, body=body)
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature or ""}
    theirs = verifier.is_valid_request(body, headers)
    try:
        slack.verify(
            signing_secret=SIGNING_SECRET, headers=headers, body=body, now=datetime.fromtimestamp(now, UTC)
        )
        ours = True
    except slack.BadSignature:
        ours = False
    assert ours == theirs


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["type", "event", "message", "previous_message", "channel", "ts", "user", "text", "files",
                         "subtype", "item", "thread_ts", "authorizations", "url_private"]), inner, max_size=7),
    max_leaves=30,
)  # fmt: skip


@given(_JSON, st.sampled_from(["message", "reaction_added", "app_mention", "x"]),
       st.sampled_from(["", "message_changed", "message_deleted", "file_share"]))  # fmt: skip
def test_no_event_is_too_strange(data: Any, type_: str, subtype: str) -> None:
    event = {**(data if isinstance(data, dict) else {"text": data}), "type": type_, "subtype": subtype}
    for body in (data, {"type": "event_callback", "event_id": "E", "event": event}):
        for one in slack.normalise(json.dumps(body).encode()):
            assert one.external_id
            assert len(one.external_id) <= 200


@given(st.text(max_size=60))
def test_no_markup_is_too_strange(text: str) -> None:
    assert isinstance(slack.plain(text), str)
