"""WhatsApp Cloud API: who delivers is checked hard, every message becomes what a person meant by it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from exceptions_app import services
from exceptions_app.channels import whatsapp
from exceptions_app.channels.messages import Kind
from exceptions_app.models import (
    Attachment,
    ChannelUpdate,
    ContactAddress,
    ExceptionRecord,
    SentMessage,
    Signal,
    Source,
)
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.messengers import (
    OURS,
    PIOTR_PHONE,
    PIOTR_WA,
    VERIFY_TOKEN,
    pywa,
    source_for,
    wa_delivery,
    wa_photo,
    wa_text,
    whatsapp_post,
)
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    """WhatsApp at Rheinfelden, with Piotr's phone known."""
    piotr = plant.people["piotr.nowak"]
    piotr.phone = PIOTR_PHONE
    piotr.save()
    return source_for("whatsapp", plant.rhf)


def say(source: Source, *messages: dict[str, Any]) -> None:
    assert whatsapp_post(source, wa_delivery(*messages)).status_code == 200


# --- who delivers
def test_meta_subscribes_with_our_word(source: Source) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}

    answer = Client().get(f"/hooks/whatsapp/{source.code}/", query)
    wrong = Client().get(f"/hooks/whatsapp/{source.code}/", {**query, "hub.verify_token": "guess"})
    bare = Client().get(f"/hooks/whatsapp/{source.code}/")

    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "hooks.signature")
    assert bare.status_code == 401
    assert VERIFY_TOKEN not in wrong.content.decode()


def test_a_source_without_a_verify_token_is_subscribed_by_nobody(source: Source) -> None:
    source.secrets = {**source.secrets, "verify_token": ""}
    source.save()

    answer = Client().get(
        f"/hooks/whatsapp/{source.code}/",
        {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "1"},
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=00", "nonsense", "sha1=abc", "sha256=ü"])
def test_what_is_not_signed_by_meta_is_refused_and_not_kept(source: Source, signature: str) -> None:
    answer = whatsapp_post(source, wa_delivery(wa_text(DOWN, message_id="w1")), signature=signature)

    assert (answer.status_code, answer.json()["code"]) == (401, "hooks.signature")
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert not Signal.objects.exists()
    assert not ChannelUpdate.objects.exists()


def test_another_app_s_key_and_a_source_without_one_are_refused(source: Source) -> None:
    body = wa_delivery(wa_text(DOWN, message_id="w1"))
    assert whatsapp_post(source, body, secret="another app").status_code == 401
    source.secrets = {}
    source.save()
    assert whatsapp_post(source, body, secret="").status_code == 401
    assert not Signal.objects.exists()


# --- what is said
def test_a_known_person_s_clear_text_opens_the_exception(source: Source, plant: KolbeMini) -> None:
    answer = whatsapp_post(source, wa_delivery(wa_text(DOWN, message_id="wamid.1")))

    assert (answer.status_code, answer.json()) == (200, {"received": 1})
    signal = Signal.objects.get()
    assert (signal.external_id, signal.channel, signal.text) == ("wamid.1", "whatsapp", DOWN)
    assert (signal.sender, signal.sender_verified) == (PIOTR_WA, True)
    assert signal.conversation == f"{OURS} {PIOTR_WA}"
    assert signal.reporter == plant.people["piotr.nowak"]
    assert signal.payload["type"] == "text"
    assert not ExceptionRecord.objects.exists()

    assert services.read_due_signals() == 1
    exception = ExceptionRecord.objects.get()
    assert (exception.status, exception.work_unit.code) == ("open", "PRS-04")  # type: ignore[union-attr]
    assert exception.reported_by == plant.people["piotr.nowak"]


def test_a_stranger_only_raises_a_question(source: Source) -> None:
    say(source, wa_text(DOWN, message_id="w1"))
    services.read_due_signals()
    known = ExceptionRecord.objects.get()

    # given somebody nobody knows, about the very same machine, and then with an all-clear
    say(source, wa_text(DOWN, message_id="w2", sender="15550001111"))
    services.read_due_signals()
    with clock.travel(MORNING + timedelta(minutes=5)):
        say(source, wa_text("press 4 runs again", message_id="w3", sender="15550001111"))
        services.read_due_signals()

    known.refresh_from_db()
    assert known.cleared_at is None
    assert known.events.filter(kind="joined").count() == 0
    raised = ExceptionRecord.objects.exclude(pk=known.pk)
    assert set(raised.values_list("status", flat=True)) == {"triage"}
    assert Signal.objects.get(external_id="w2").reporter is None
    assert Signal.objects.get(external_id="w2").reporter_text == "Piotr N."
    reasons = Signal.objects.get(external_id="w2").interpretations.get().triage_reasons
    assert "the sender is not known" in reasons


def test_a_number_two_people_have_is_nobody_s(source: Source, plant: KolbeMini) -> None:
    keller = plant.people["jonas.keller"]
    keller.phone = "0049160 5550123"
    keller.save()

    say(source, wa_text(DOWN, message_id="w1"))

    assert Signal.objects.get().reporter is None
    # unless somebody has entered whose it is, and only once that is believed
    entered = ContactAddress.objects.create(kind="phone", address=PIOTR_WA, user=keller)
    say(source, wa_text(DOWN, message_id="w2"))
    assert Signal.objects.get(external_id="w2").reporter is None
    entered.verified_at = clock.now()
    entered.save()
    say(source, wa_text(DOWN, message_id="w3"))
    assert Signal.objects.get(external_id="w3").reporter == keller


@pytest.mark.parametrize(
    ("case", "text", "files"),
    [
        ("text", "Body Text", []),
        ("image", "", [("65463453", "image/jpeg", "photo")]),
        ("media_with_url", "", [("65463453", "image/jpeg", "photo")]),
        ("video", "caption", [("765756756", "video/mp4", "file")]),
        ("document", "caption", [("1234567890987654321", "application/pdf", "file")]),
        ("audio", "", [("1234567890987654321", "audio/ogg; codecs=opus", "voice")]),
        ("voice", "", [("1234567890987654321", "audio/ogg; codecs=opus", "voice")]),
        ("static_sticker", "", [("1234567890987654321", "image/webp", "photo")]),
        ("current_location", "\N{ROUND PUSHPIN} Location (12.25089, 43.90539)", []),
        ("contacts", "Contact: Chandler Bing, Monica", None),
        ("unsupported", "(a message WhatsApp does not pass on: unsupported)", []),
        ("reply", "replied text", []),
    ],
)  # fmt: skip
def test_real_messages_of_every_type(source: Source, case: str, text: str, files: Any) -> None:
    assert whatsapp_post(source, pywa("message.json", case)).status_code == 200

    signal = Signal.objects.get()
    assert signal.text.startswith(text) if case == "contacts" else signal.text == text
    assert (signal.sender, signal.reporter_text) == ("972987654321", "Test Name")
    if files is not None:
        rows = list(Attachment.objects.values_list("external_ref", "content_type", "kind"))
        assert rows == files
    assert signal.reply_to == ("wamid.xyzxyz==" if case == "reply" else "")
    assert services.read_due_signals() == 1


@pytest.mark.parametrize(
    ("case", "text", "reply_to"),
    [
        ("button", "title", "wamid.xyzxyz"),
        ("quick_reply", "title", "wamid.xyzxyz=="),
        ("quick_reply_without_context", "title", ""),
    ],
)
def test_real_buttons(source: Source, case: str, text: str, reply_to: str) -> None:
    whatsapp_post(source, pywa("callback_button.json", case))

    signal = Signal.objects.get()
    assert (signal.text, signal.reply_to) == (text, reply_to)


@pytest.mark.parametrize("case", ["phone_number_change", "identity_change"])
def test_what_whatsapp_says_itself_is_kept_and_bothers_nobody(source: Source, case: str) -> None:
    assert whatsapp_post(source, pywa("system.json", case)).status_code == 200

    assert not Signal.objects.exists()
    update = ChannelUpdate.objects.get()
    assert (update.kind, update.outcome) == ("notice", "kept")
    assert update.payload["type"] == "system"


@pytest.mark.parametrize("case", ["sent", "delivered", "read", "played", "failed", "with_tracker", "group"])
def test_real_statuses_are_no_signals(source: Source, case: str) -> None:
    assert whatsapp_post(source, pywa("message_status.json", case)).status_code == 200

    assert not Signal.objects.exists()
    receipt = ChannelUpdate.objects.get()
    assert (receipt.kind, receipt.settled_at) == ("receipt", None)
    assert receipt.state in ("sent", "delivered", "read", "played", "failed")
    if case == "failed":
        assert receipt.problem.startswith("130472 ")
    if case == "with_tracker":
        assert receipt.text == "some data"


def test_one_delivery_may_hold_many_messages_of_several_numbers(source: Source) -> None:
    one = wa_delivery(
        wa_text(DOWN, message_id="w1"), wa_text("no seal kits left", message_id="w2", sender="15550001111")
    )
    two = wa_delivery(
        wa_text("grinder 1 down", message_id="w3"), number="999", statuses=[{"id": "o1", "status": "read"}]
    )
    one["entry"] += two["entry"]

    answer = whatsapp_post(source, one)

    assert answer.json() == {"received": 3}
    assert sorted(Signal.objects.values_list("external_id", "conversation")) == [
        ("w1", f"{OURS} {PIOTR_WA}"), ("w2", f"{OURS} 15550001111"), ("w3", f"999 {PIOTR_WA}"),
    ]  # fmt: skip
    assert ChannelUpdate.objects.get().external_id == "o1:read:"


def test_the_same_message_again_is_one(source: Source) -> None:
    for _ in range(3):
        say(source, wa_text(DOWN, message_id="w1"))
    services.read_due_signals()
    say(source, wa_text(DOWN, message_id="w1"))

    assert (Signal.objects.count(), ExceptionRecord.objects.count()) == (1, 1)
    assert services.read_due_signals() == 0


@pytest.mark.parametrize(
    "body", [b"{not json", b"[]", b"[" * 50_000, b"\xff\x00", b"", b"{}", b'{"entry": [{"changes": [7]}]}', b'"x"']
)  # fmt: skip
def test_signed_but_strange_is_kept_whole_and_shown_to_a_person(source: Source, body: bytes) -> None:
    assert whatsapp_post(source, body).status_code == 200
    assert whatsapp_post(source, body).status_code == 200

    assert services.read_due_signals() == 1
    signal = Signal.objects.get()
    assert signal.text == body.decode("utf-8", errors="replace").replace("\x00", "")
    assert ExceptionRecord.objects.get().status == "triage"


# --- several messages of one minute
def test_a_report_a_photo_and_a_remark_are_one_record(source: Source) -> None:
    say(source, wa_text("press 4 down", message_id="w1"))
    services.read_due_signals()
    with clock.travel(MORNING + timedelta(seconds=20)):
        say(source, wa_photo(message_id="w2"))
        services.read_due_signals()
    with clock.travel(MORNING + timedelta(seconds=50)):
        say(source, wa_text("hyd leak", message_id="w3"))
        services.read_due_signals()

    exception = ExceptionRecord.objects.get()
    assert (exception.status, exception.reason.code) == ("open", "MEC-LEAK")  # type: ignore[union-attr]
    assert [signal.reading.exception for signal in Signal.objects.all()] == [exception] * 3
    assert exception.events.filter(kind="joined").count() == 2


def test_the_remark_may_come_first_and_the_machine_settles_it(source: Source) -> None:
    say(source, wa_text("hyd leak", message_id="w1"))
    services.read_due_signals()
    assert ExceptionRecord.objects.get().status == "triage"
    with clock.travel(MORNING + timedelta(seconds=30)):
        say(source, wa_text("press 4 down", message_id="w2"))
        services.read_due_signals()

    exception = ExceptionRecord.objects.get()
    assert (exception.status, exception.work_unit.code) == ("open", "PRS-04")  # type: ignore[union-attr]
    assert exception.reason.code == "MEC-LEAK"  # type: ignore[union-attr]


def test_a_photo_waits_for_its_words(source: Source) -> None:
    say(source, wa_photo(message_id="w1"))
    services.read_due_signals()
    assert not ExceptionRecord.objects.exists()
    with clock.travel(MORNING + timedelta(seconds=15)):
        say(source, wa_text(DOWN, message_id="w2"))
        services.read_due_signals()
        services.read_due_signals()

    exception = ExceptionRecord.objects.get()
    assert exception.status == "open"
    assert Attachment.objects.get().signal.reading.exception == exception


def test_a_photo_nobody_explains_is_looked_at_by_a_person(source: Source) -> None:
    say(source, wa_photo(message_id="w1"))
    with clock.travel(MORNING + timedelta(seconds=46)):
        services.read_due_signals()

    exception = ExceptionRecord.objects.get()
    assert exception.status == "triage"
    assert exception.title == "“A photo from Piotr N., without words”"


def test_a_photo_in_answer_to_our_message_joins_its_record_at_once(source: Source) -> None:
    say(source, wa_text(DOWN, message_id="w1"))
    services.read_due_signals()
    exception = ExceptionRecord.objects.get()
    SentMessage.objects.create(source=source, message_id="ours-1", exception=exception)
    with clock.travel(MORNING + timedelta(hours=1)):
        say(source, {**wa_photo(message_id="w2"), "context": {"from": OURS, "id": "ours-1"}})
        services.read_due_signals()

    assert Signal.objects.get(external_id="w2").reading.exception == exception
    assert ExceptionRecord.objects.count() == 1


def test_another_machine_in_the_same_minute_is_another_matter(source: Source) -> None:
    say(source, wa_text("press 4 down", message_id="w1"), wa_text("press 3 down too", message_id="w2"))
    services.read_due_signals()

    assert sorted(ExceptionRecord.objects.values_list("work_unit__code", flat=True)) == ["PRS-03", "PRS-04"]


def test_after_a_minute_a_remark_stands_for_itself_and_other_people_s_always(source: Source) -> None:
    say(source, wa_text("press 4 down", message_id="w1"))
    services.read_due_signals()
    say(source, wa_text("hyd leak", message_id="w2", sender="15550001111"))
    with clock.travel(MORNING + timedelta(seconds=90)):
        say(source, wa_text("hyd leak", message_id="w3"))
        services.read_due_signals()

    assert ExceptionRecord.objects.count() == 3


# --- edits, deletions, reactions
def edit(target: str, text: str, *, message_id: str = "e1", sender: str = PIOTR_WA) -> dict[str, Any]:
    return {
        "from": sender, "id": message_id, "timestamp": str(int(clock.now().timestamp())), "type": "edit",
        "edit": {"original_message_id": target, "message": {"type": "text", "text": {"body": text}}},
    }  # fmt: skip


def revoke(target: str, *, message_id: str = "r1", sender: str = PIOTR_WA) -> dict[str, Any]:
    return {
        "from": sender, "id": message_id, "timestamp": str(int(clock.now().timestamp())), "type": "revoke",
        "revoke": {"original_message_id": target},
    }  # fmt: skip


def test_an_edit_before_reading_is_what_is_read(source: Source) -> None:
    say(source, wa_text("press 3 down", message_id="w1"))
    say(source, edit("w1", "press 4 down"))
    services.settle_updates()
    services.read_due_signals()

    exception = ExceptionRecord.objects.get()
    assert exception.work_unit.code == "PRS-04"  # type: ignore[union-attr]
    assert Signal.objects.get().text == "press 3 down"
    assert exception.events.get(kind="commented").data["edit"] == {
        "before": "press 3 down",
        "after": "press 4 down",
    }
    assert ChannelUpdate.objects.get().outcome == "read in its newest form"


def test_an_edit_after_reading_joins_the_story_with_both_texts(source: Source) -> None:
    say(source, wa_text(DOWN, message_id="w1"))
    services.read_due_signals()
    for _ in range(2):
        say(source, edit("w1", "press 4 down, hydraulic leak at the pump"))
    services.settle_updates()
    services.settle_updates()

    line = ExceptionRecord.objects.get().events.get(kind="commented")
    assert line.data["edit"] == {"before": DOWN, "after": "press 4 down, hydraulic leak at the pump"}
    assert "before" in line.text
    assert (Signal.objects.count(), ExceptionRecord.objects.count()) == (1, 1)


def test_an_edit_that_overtakes_its_message_waits_for_it(source: Source) -> None:
    say(source, edit("w1", "press 4 down"))
    services.settle_updates()
    say(source, wa_text("press 3 down", message_id="w1"))
    services.read_due_signals()

    assert ExceptionRecord.objects.get().work_unit.code == "PRS-04"  # type: ignore[union-attr]


def test_an_edit_whose_message_never_came_is_read_as_one(source: Source) -> None:
    say(source, edit("never", DOWN))
    services.settle_updates()
    assert not Signal.objects.exists()
    with clock.travel(MORNING + timedelta(minutes=3)):
        services.settle_updates()
        services.read_due_signals()

    assert ExceptionRecord.objects.get().status == "open"
    assert ChannelUpdate.objects.get().outcome == "read as a message"


def test_only_the_sender_edits_and_takes_back(source: Source) -> None:
    say(source, wa_text(DOWN, message_id="w1"))
    say(source, edit("w1", "all fine", sender="15550001111"), revoke("w1", sender="15550001111"))
    services.read_due_signals()
    services.settle_updates()

    assert Signal.objects.get().text == DOWN
    assert set(ChannelUpdate.objects.values_list("outcome", flat=True)) == {"not from the message's sender"}


def test_a_message_taken_back_is_emptied_and_that_is_on_record(source: Source, plant: KolbeMini) -> None:
    say(source, wa_text(DOWN, message_id="w1"))
    services.read_due_signals()
    say(source, revoke("w1"))
    services.settle_updates()

    signal = Signal.objects.get()
    assert (signal.text, signal.payload) == ("", {})
    assert (signal.redacted_at, signal.redacted_by) == (MORNING, plant.people["piotr.nowak"])
    exception = ExceptionRecord.objects.get()
    assert exception.status == "open"
    assert "took the message back" in exception.events.get(kind="commented").text


def test_a_message_taken_back_before_anybody_read_it_is_not_read(source: Source) -> None:
    say(source, wa_text(DOWN, message_id="w1", sender="15550001111"))
    say(source, revoke("w1", sender="15550001111"))
    services.settle_updates()
    services.read_due_signals()

    assert not ExceptionRecord.objects.exists()
    signal = Signal.objects.get()
    assert (signal.text, signal.reading.outcome) == ("", "taken back")
    assert signal.redacted_by is not None
    assert (signal.redacted_by.username, signal.redacted_by.is_active) == ("channel.sender", False)


def test_a_thumb_under_our_message_joins_the_story(source: Source) -> None:
    say(source, wa_text(DOWN, message_id="w1"))
    services.read_due_signals()
    exception = ExceptionRecord.objects.get()
    SentMessage.objects.create(source=source, message_id="ours-1", exception=exception)
    thumb = {
        "from": PIOTR_WA,
        "id": "t1",
        "timestamp": "1",
        "type": "reaction",
        "reaction": {"message_id": "ours-1", "emoji": "👍"},
    }
    gone = {
        "from": PIOTR_WA,
        "id": "t2",
        "timestamp": "2",
        "type": "reaction",
        "reaction": {"message_id": "ours-1"},
    }
    say(source, thumb, gone)
    services.settle_updates()

    assert exception.events.get(kind="commented").text == "Piotr Nowak reacted 👍"
    assert Signal.objects.count() == 1


def test_real_edits_and_revokes_are_understood() -> None:
    (changed,) = whatsapp.normalise(json.dumps(pywa("edited_message.json", "image")).encode())
    (gone,) = whatsapp.normalise(json.dumps(pywa("deleted_message.json", "revoke")).encode())

    assert (changed.kind, changed.text) == (Kind.EDIT, "Updated image caption")
    assert changed.target == "wamid.HBgLMTQxMjU1NTA4MjkVAgASGBQzQUNCNjk5RDUwNUZGMUZEM0VBRAA="
    assert (gone.kind, gone.target) == (Kind.DELETE, "<ORIGINAL_WHATSAPP_MESSAGE_ID>")


# --- anything at all
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["entry", "changes", "value", "messages", "statuses", "metadata", "contacts", "id", "from",
                         "type", "text", "body", "image", "edit", "message", "timestamp", "interactive", "context"]),
        inner, max_size=6),
    max_leaves=40,
)  # fmt: skip


@given(_JSON)
def test_no_delivery_is_too_strange(data: Any) -> None:
    found = whatsapp.normalise(json.dumps(data).encode())

    assert found
    assert all(one.external_id and len(one.external_id) <= 200 for one in found)


@given(
    st.dictionaries(
        st.sampled_from(["from", "id", "timestamp", "type", "text", "image", "location", "edit", "order"]),
        _JSON,
    )
)
def test_no_message_is_too_strange(message: Any) -> None:
    body = {"entry": [{"changes": [{"value": {"messages": [message]}}]}]}

    assert len(whatsapp.normalise(json.dumps(body).encode())) == 1


@given(st.binary(max_size=300))
def test_no_bytes_are_too_strange(body: bytes) -> None:
    assert len(whatsapp.normalise(body)) == 1
