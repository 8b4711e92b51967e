"""What people say reaches everyone, whom they name is told, photos go the usual way, texts are filled in."""

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from boards_app.selectors.record.talk import namable, talk_of, texts_of
from core.errors import InvalidInput
from decisions_app import services as decisions
from decisions_app.models import Comment, TalkText
from decisions_app.talk_words import MOST_MENTIONS, fill, names_in, pieces, unknown_gaps
from exceptions_app import services as exceptions
from exceptions_app.models import Attachment, EventKind, ExceptionRecord, Telling
from notify_app import services as notices
from notify_app.models import Notice
from plant_app.models import AccessGrant, User
from tests.decisions_app.conftest import Report, response_of
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


@pytest.fixture
def exception(report: Report) -> ExceptionRecord:
    return report(DOWN)


def say(exception: ExceptionRecord, author: User, text: str, **more: Any) -> Comment:
    return decisions.comment(exception_id=exception.pk, author=author, text=text, **more)


def told(exception: ExceptionRecord) -> list[str]:
    """Logins told because they were named, in order."""
    rows = Telling.objects.filter(exception=exception, reason="mention").order_by("pk")
    return [row.person.username if row.person else row.role for row in rows.select_related("person")]


# --- pure ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@jonas.keller, look", ["jonas.keller"]),
        ("ask (@quality) or @Quality.", ["quality"]),
        ("mail a@b.example or x+@y", []),
        ("@@nobody @", []),
        ("@müller-lüdenscheid und @o_k-1", ["müller-lüdenscheid", "o_k-1"]),
        (" ".join(f"@p{number}" for number in range(30)), [f"p{number}" for number in range(MOST_MENTIONS)]),
    ],
)
def test_names_in_a_text(text: str, names: list[str]) -> None:
    assert names_in(text) == names


@given(st.text(max_size=200))
def test_pieces_put_together_are_the_text(text: str) -> None:
    known = frozenset(names_in(text))
    cut = pieces(text, known)
    assert "".join(piece.text for piece in cut) == text
    assert {piece.name for piece in cut if piece.name} >= set(known)


def test_gaps_are_filled_and_nothing_else_is_reached() -> None:
    text = "{ref}: {place} {owner.password} {0} {{title}} {nope}"
    assert fill(text, {"ref": "EX-1", "title": "T"}) == "EX-1: … {owner.password} {0} {T} {nope}"
    assert unknown_gaps(text) == ["nope"]


# --- the record ------------------------------------------------------------------------------------------------


def test_who_is_named_is_told_once_and_the_author_is_not(
    plant: KolbeMini, exception: ExceptionRecord
) -> None:
    author, other = plant.people["ingrid.vogel"], plant.people["piotr.nowak"]
    maintenance = response_of(exception, "maintenance")
    said = say(
        exception,
        author,
        f"@{other.username} and @maintenance, @{maintenance.person.username}: @{author.username} asks",
    )
    assert told(exception) == [other.username, maintenance.person.username]
    assert sorted(said.mentions.values_list("name", flat=True)) == sorted(
        [other.username, "maintenance", maintenance.person.username, author.username]
    )
    notices.send_due()
    notice = Notice.objects.get(person=other, telling__reason="mention", channel="in_app")
    assert "you are named" in notice.subject
    assert f"{author}: @{other.username}" in notice.body


def test_strangers_and_people_without_a_view_are_not_told(
    plant: KolbeMini, exception: ExceptionRecord
) -> None:
    author = plant.people["ingrid.vogel"]
    stranger = User.objects.create_user("far.away")
    gone = User.objects.create_user("has.left", is_active=False)
    AccessGrant.objects.create(user=gone, site=plant.rhf, role="operator")
    said = say(exception, author, "@far.away @has.left @no.such.body mail me@far.away")
    assert told(exception) == []
    assert not said.mentions.exists()
    AccessGrant.objects.create(user=stranger, site=plant.rhf, role="operator")
    say(exception, author, "now @far.away")
    assert told(exception) == ["far.away"]


def test_a_mention_tells_after_the_end_too(plant: KolbeMini, exception: ExceptionRecord) -> None:
    author, other = plant.people["ingrid.vogel"], plant.people["piotr.nowak"]
    exceptions_cancelled = decisions.cancel(exception_id=exception.pk, actor=author, reason="a test")
    assert exceptions_cancelled.status == "cancelled"
    say(exception, author, f"@{other.username} what was it?")
    notices.send_due()
    assert Notice.objects.filter(person=other, telling__reason="mention").exists()


def test_what_was_said_stays_said(plant: KolbeMini, exception: ExceptionRecord) -> None:
    said = say(exception, plant.people["ingrid.vogel"], "one")
    for change in (lambda: Comment.objects.filter(pk=said.pk).update(text="two"), said.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    with pytest.raises(InvalidInput):
        say(exception, plant.people["ingrid.vogel"], " \n ")


def photo() -> SimpleUploadedFile:
    data = BytesIO()
    Image.new("RGB", (64, 48), "red").save(data, "JPEG")
    return SimpleUploadedFile("leak.jpg", data.getvalue(), "image/jpeg")


def test_photos_of_the_page_are_kept_shown_and_no_report(
    plant: KolbeMini, exception: ExceptionRecord, client: Client, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    client.force_login(plant.people["piotr.nowak"])
    before = exception.readings.count()
    answer = client.post(
        f"/exceptions/{exception.ref}/comment/", {"text": "here <b>", "photo": [photo(), photo()]},
        headers={"hx-request": "true"},
    )  # fmt: skip
    assert answer.status_code == 204
    exceptions.keep_attachments()
    (said,) = talk_of(exception)
    assert [(piece.kind, bool(piece.url)) for piece in said["photos"]] == [("photo", True)] * 2
    page = client.get(f"/exceptions/{exception.ref}/").content.decode()
    assert page.count('alt="Photo: leak.jpg"') == 2
    assert "here &lt;b&gt;" in page
    # the bytes open to who may see the record, and to nobody else
    address = said["photos"][0].url
    assert client.get(address).status_code == 200
    client.force_login(User.objects.create_user("far.away"))
    assert client.get(address).status_code == 404
    # it was said, not reported: nothing is read out of it, nothing joins
    exceptions.read_signal(signal_id=Attachment.objects.latest("pk").signal_id)
    exception.refresh_from_db()
    assert exception.events.filter(kind=EventKind.JOINED).count() == 0
    assert len(talk_of(exception)) == 1
    assert exception.readings.exclude(outcome="talk").count() == before


def test_who_may_not_comment_is_refused(plant: KolbeMini, exception: ExceptionRecord, client: Client) -> None:
    reader = User.objects.create_user("api.reader")
    AccessGrant.objects.create(user=reader, site=plant.rhf, role="integrator")
    client.force_login(reader)
    for answer in (
        client.post(f"/exceptions/{exception.ref}/comment/", {"text": "x"}, headers={"hx-request": "true"}),
        client.get(f"/exceptions/{exception.ref}/names/?q=i", headers={"hx-request": "true"}),
        client.post(
            f"/api/v1/exceptions/{exception.ref}/comment/", {"text": "x"}, content_type="application/json"
        ),
    ):
        assert answer.status_code == 403
    assert not Comment.objects.exists()


def test_names_are_offered_as_one_types(plant: KolbeMini, exception: ExceptionRecord, client: Client) -> None:
    client.force_login(plant.people["ingrid.vogel"])
    found = client.get(f"/exceptions/{exception.ref}/names/?q=JONAS").json()["names"]
    assert [one["name"] for one in found] == ["jonas.keller"]
    assert [one["name"] for one in namable(exception, "keller")] == ["jonas.keller"]
    assert namable(exception, "maint")[0]["name"] == "maintenance"
    assert namable(exception, "zzz") == []
    User.objects.create_user("jonas.elsewhere")
    assert len(namable(exception, "jonas")) == 1


def test_texts_are_offered_by_type_and_function_and_filled(
    plant: KolbeMini, exception: ExceptionRecord
) -> None:
    reader = plant.people["ingrid.vogel"]
    TalkText.objects.create(name="all", text="{ref} at {place}, {author}", position=1)
    mine = TalkText.objects.create(name="mine", text="order {order}", position=2)
    mine.types.add(exception.type)
    mine.functions.add(reader.function)
    other = TalkText.objects.create(name="other", text="x")
    other.types.add(*exception.type.__class__.objects.exclude(pk=exception.type_id))
    theirs = TalkText.objects.create(name="theirs", text="x")
    theirs.functions.add(*plant.functions["maintenance"].__class__.objects.exclude(pk=reader.function_id))
    TalkText.objects.create(name="off", text="x", active=False)
    assert [row["name"] for row in texts_of(exception, reader)] == ["all", "mine"]
    assert texts_of(exception, reader)[0]["text"] == f"{exception.ref} at {exception.work_unit}, {reader}"


def test_texts_with_gaps_nobody_fills_are_refused_in_the_admin(plant: KolbeMini, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root.admin", password="a long password"))
    address = "/admin/decisions_app/talktext/add/"
    assert b"{place}" in client.get(address).content
    wrong = client.post(address, {"name": "a", "text": "to {boss}", "position": 0, "active": "on"})
    assert "Nothing fills {boss}" in wrong.content.decode()
    client.post(address, {"name": "a", "text": "to {owner}", "position": 0, "active": "on"})
    assert TalkText.objects.get().text == "to {owner}"


def test_an_answer_from_outside_stands_in_the_talk(plant: KolbeMini, exception: ExceptionRecord) -> None:
    with transaction.atomic():
        exceptions.record_event(
            exception=exceptions.locked(exception_id=exception.pk), kind=EventKind.JOINED, actor_text="Ann <b>",
            via="email", text="parts come at 3", data={"answer": True},
        )  # fmt: skip
    (said,) = talk_of(exception)
    assert (said["who"], said["by"], said["pieces"][0].text) == ("Ann <b>", "mail", "parts come at 3")


def test_the_api_says_and_shows_who_was_named(
    plant: KolbeMini, exception: ExceptionRecord, client: Client
) -> None:
    client.force_login(plant.people["ingrid.vogel"])
    address = f"/api/v1/exceptions/{exception.ref}/"
    said = client.post(f"{address}comment/", {"text": "@piotr.nowak ok?"}, content_type="application/json")
    assert said.status_code == 200
    (comment,) = client.get(address).json()["comments"]
    assert (comment["text"], comment["mentions"]) == ("@piotr.nowak ok?", ["piotr.nowak"])
    assert told(exception) == ["piotr.nowak"]


def test_photos_are_said_over_the_api_and_limited_as_on_the_page(
    plant: KolbeMini, exception: ExceptionRecord, client: Client, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.ATTACHMENT_COUNT = 2
    client.force_login(plant.people["piotr.nowak"])
    record = f"/api/v1/exceptions/{exception.ref}/"
    broken = SimpleUploadedFile("no.jpg", b"<script>no picture</script>", "image/jpeg")
    key = {"Idempotency-Key": "photos-1"}
    sent = [
        client.post(f"{record}comment/", {"text": text, "photo": photos}, headers=key)
        for text, photos in (
            ("at the pump", [photo(), broken, photo()]),
            ("at the pump", [photo(), broken, photo()]),
        )
    ]
    assert [answer.status_code for answer in sent] == [200, 200]
    alone = client.post(f"{record}comment/", {"photo": [photo()]})
    assert (alone.status_code, alone.json()["ref"]) == (200, exception.ref)
    # neither words nor photos say nothing
    empty = client.post(f"{record}comment/", {"text": " "})
    assert (empty.status_code, empty.json()["code"]) == (400, "talk.empty")
    assert exception.comments.count() == 2
    exceptions.keep_attachments()
    first, second = client.get(record).json()["comments"]
    assert (first["text"], second["text"]) == ("at the pump", "")
    # a photo is drawn anew, what is none and what is too much is refused by name
    kept, none, much = first["photos"]
    assert [one["status"] for one in (kept, none, much)] == ["kept", "refused", "refused"]
    assert (none["url"], much["why"]) == ("", "more than 2 files came with one message")
    answer = client.get(kept["url"])
    assert Image.open(BytesIO(answer.content)).size == (64, 48)
    assert answer.content != photo().read()
    assert len(second["photos"]) == 1
