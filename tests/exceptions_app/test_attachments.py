"""What comes with a signal: kept as it came, made safe by a worker, opened by the right people, then deleted."""

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from PIL import Image

from core import clock
from exceptions_app import services
from exceptions_app.channels import fetchers
from exceptions_app.channels.fetchers import FetchFailed
from exceptions_app.models import Attachment, Channel, ExceptionRecord, Signal, Source
from exceptions_app.services import Enclosure
from exceptions_app.services.channels import attachments
from plant_app.services.access import issue_token
from tests.exceptions_app import attached_samples as made
from tests.exceptions_app.conftest import MORNING, Report
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

PHOTO = Enclosure("IMG_0001.JPG", "image/jpeg", made.photo())
VOICE = Enclosure("note.m4a", "audio/mp4", made.m4a())


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """Files of one test lie in a folder of its own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def stored(media: Path) -> list[str]:
    """Every file there is, by its first folder."""
    return sorted(path.relative_to(media).parts[0] for path in media.rglob("*") if path.is_file())


@pytest.fixture
def client(plant: KolbeMini) -> Client:
    browser = Client()
    browser.force_login(plant.people["jonas.keller"])
    return browser


# --- kept, then made safe -----------------------------------------------------------------------------------
def test_a_photo_and_a_voice_note_are_kept_raw_then_made_safe(
    report: Report, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    report("press 4 down, hydraulic leak", enclosures=[PHOTO, VOICE])
    assert list(Attachment.objects.values_list("status", "kind")) == [
        ("pending", "photo"),
        ("pending", "voice"),
    ]
    assert stored(media) == ["incoming", "incoming"]

    with django_capture_on_commit_callbacks(execute=True):
        assert services.keep_attachments() == 2

    photo, voice = Attachment.objects.all()
    assert (photo.status, photo.content_type, photo.width, photo.height) == ("kept", "image/jpeg", 640, 480)
    assert made.SECRET not in photo.file.read() + photo.thumbnail.read() + voice.file.read()
    assert (voice.status, voice.content_type, voice.size) == ("kept", "audio/mp4", len(made.m4a()))
    assert (photo.name, str(photo.incoming), len(photo.sha256)) == ("IMG_0001.JPG", "", 64)
    # the originals, with what the camera wrote into them, are gone
    assert stored(media) == ["kept", "kept", "kept"]
    assert services.keep_attachments() == 0


def test_what_the_sender_calls_it_counts_for_nothing(report: Report) -> None:
    report("press 4 down, hydraulic leak", enclosures=[
        Enclosure("photo.jpg", "image/jpeg", b"<svg onload='x()'/>"),
        Enclosure("song.mp3", "audio/mpeg", made.photo(kind="PNG")),
        Enclosure("../../etc/passwd\x00.txt", "text/plain", b"plain words"),
        Enclosure("IMG.HEIC", "image/heic", made.heic()),
    ])  # fmt: skip
    services.keep_attachments()
    svg, png, text, heic = Attachment.objects.all()
    assert (svg.status, svg.why) == (
        "refused",
        "pages and drawings that can hold scripts (HTML, SVG) are not taken",
    )
    assert (str(svg.file), bool(svg.incoming)) == ("", True)  # kept where nothing is served from
    assert (png.status, png.kind, png.content_type) == ("kept", "photo", "image/jpeg")
    assert (text.status, text.kind, text.name) == ("kept", "file", "passwd.txt")
    assert heic.status == "refused"
    assert "JPEG" in heic.why


def test_limits_are_said_and_nothing_else_of_the_message_is_lost(
    settings: Any, report: Report, media: Path
) -> None:
    settings.ATTACHMENT_COUNT, settings.ATTACHMENT_FILE_BYTES, settings.ATTACHMENT_SIGNAL_BYTES = 3, 100, 150
    small, large = b"0123456789" * 8, b"0123456789" * 11
    reading = report("press 4 down, hydraulic leak", enclosures=[
        Enclosure("a.txt", data=small), Enclosure("b.txt", data=large), Enclosure("c.txt", data=small),
        Enclosure("d.txt", data=b"1"), *[Enclosure(f"{n}.txt", data=b"1") for n in range(60)],
    ])  # fmt: skip
    assert reading.exception is not None
    rows = list(Attachment.objects.values_list("name", "status", "why"))
    assert rows[:4] == [
        ("a.txt", "pending", ""),
        ("b.txt", "refused", "larger than 0.0001 MB"),
        ("c.txt", "refused", "the message's files together are larger than 0.00015 MB"),
        ("d.txt", "refused", "more than 3 files came with one message"),
    ]
    assert len(rows) == 50
    assert rows[-1][2].endswith("14 more came with it")
    assert stored(media) == ["incoming"]


@pytest.mark.django_db(transaction=True)
def test_workers_share_the_work_and_do_nothing_twice() -> None:
    with clock.travel(MORNING):
        site = build_kolbe_mini().rhf
        services.receive_signal(
            source=services.source_of(kind="api", site=site),
            external_id="six",
            text="six photos",
            enclosures=[PHOTO] * 6,
        )
    begun = threading.Barrier(3)

    def work(_number: int) -> int:
        try:
            begun.wait(timeout=60)
            with clock.travel(MORNING):
                return services.keep_attachments()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(work, range(3)))
    assert sum(done) == 6
    assert list(Attachment.objects.values_list("status", "attempts")) == [("kept", 1)] * 6


def test_a_worker_that_died_leaves_it_to_the_next(report: Report) -> None:
    report("press 4 down, hydraulic leak", enclosures=[PHOTO])
    # claimed, then killed
    Attachment.objects.update(attempts=1, due_at=clock.now() + timedelta(minutes=5))
    assert services.keep_attachments() == 0
    with clock.travel(clock.now() + timedelta(minutes=6)):
        assert services.keep_attachments() == 1
    assert Attachment.objects.get().status == "kept"


def test_what_kills_every_worker_is_not_tried_for_ever(report: Report) -> None:
    report("press 4 down, hydraulic leak", enclosures=[PHOTO])
    Attachment.objects.update(attempts=6)
    services.keep_attachments()
    assert Attachment.objects.values_list("status", "why").get() == (
        "refused",
        "it could not be read in several tries",
    )


# --- fetched ------------------------------------------------------------------------------------------------
@pytest.fixture
def provider(plant: KolbeMini) -> Iterator[tuple[Source, list[Any]]]:
    """A webhook source whose files are fetched; the list says what the provider answers, in turn."""
    answers: list[Any] = []

    def fetch(config: Any, secrets: Any, ref: str) -> tuple[bytes, str, str]:
        assert (config["account"], secrets["token"], ref) == ("kolbe", "t0p", "media/77")
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, "image/jpeg", "from-provider.jpg"

    fetchers.register("webhook", fetch)
    yield (
        Source.objects.create(
            code="fetched", name="Fetched", channel=Channel.WEBHOOK, adapter="webhook", site=plant.rhf,
            config={"account": "kolbe"}, secrets={"token": "t0p"},
        ),
        answers,
    )  # fmt: skip
    fetchers.FETCHERS.pop("webhook")


def arrive(source: Source) -> Attachment:
    received = services.receive_signal(
        source=source, external_id="m-1", text="press 4 down", enclosures=[Enclosure(ref="media/77")]
    )
    return received.signal.attachments.get()


def test_bytes_kept_by_a_provider_are_fetched_with_patience(provider: tuple[Source, list[Any]]) -> None:
    source, answers = provider
    row = arrive(source)
    answers += [FetchFailed("the provider did not answer"), made.photo()]
    services.keep_attachments()
    row.refresh_from_db()
    assert (row.status, row.why) == ("pending", "the provider did not answer")
    assert row.due_at > clock.now()
    assert services.keep_attachments() == 0
    with clock.travel(row.due_at):
        services.keep_attachments()
    row.refresh_from_db()
    assert (row.status, row.kind, row.name, row.why) == ("kept", "photo", "from-provider.jpg", "")


def test_a_provider_that_never_answers_ends_with_the_reason(provider: tuple[Source, list[Any]]) -> None:
    source, answers = provider
    row = arrive(source)
    for _ in range(6):
        answers.append(FetchFailed("the provider did not answer"))
        with clock.travel(row.due_at):
            services.keep_attachments()
        row.refresh_from_db()
    assert (row.status, row.why, row.attempts) == ("failed", "the provider did not answer", 6)


def test_what_is_gone_or_cannot_be_fetched_fails_at_once(
    provider: tuple[Source, list[Any]], plant: KolbeMini
) -> None:
    source, answers = provider
    row = arrive(source)
    answers.append(FetchFailed("the provider deleted it", final=True))
    services.keep_attachments()
    other = Source.objects.create(code="x", name="X", channel=Channel.CHAT, site=plant.rhf)
    unknown = services.receive_signal(source=other, external_id="1", enclosures=[Enclosure(ref="a")]).signal
    services.keep_attachments()
    row.refresh_from_db()
    assert (row.status, row.why) == ("failed", "the provider deleted it")
    assert unknown.attachments.get().why == "nothing here can fetch files of this channel"


# --- opened -------------------------------------------------------------------------------------------------
def test_a_kept_photo_is_shown_and_can_do_nothing(report: Report, client: Client) -> None:
    report("press 4 down, hydraulic leak", enclosures=[PHOTO])
    services.keep_attachments()
    row = Attachment.objects.get()
    answer = client.get(f"/attachments/{row.pk}/")
    assert (answer.status_code, answer["Content-Type"], answer["X-Content-Type-Options"]) == (
        200,
        "image/jpeg",
        "nosniff",
    )
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert answer["Content-Disposition"] == 'inline; filename="IMG_0001.jpg"'
    assert answer["Cache-Control"].startswith("private")
    with Image.open(io.BytesIO(client.get(f"/attachments/{row.pk}/small/").content)) as picture:
        assert picture.width == 320


def test_a_file_is_only_ever_saved(report: Report, client: Client) -> None:
    report("press 4 down, hydraulic leak", enclosures=[Enclosure('li"st.csv', "text/csv", b"a;b\n1;2\n")])
    services.keep_attachments()
    row = Attachment.objects.get()
    answer = client.get(f"/attachments/{row.pk}/")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert client.get(f"/attachments/{row.pk}/small/").status_code == 404


def test_a_voice_note_can_be_sought_in(report: Report, client: Client) -> None:
    report("press 4 down, hydraulic leak", enclosures=[VOICE])
    services.keep_attachments()
    row = Attachment.objects.get()
    path, whole = f"/attachments/{row.pk}/", row.file.read()
    part = client.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content, part["Content-Range"]) == (
        206,
        whole[10:20],
        f"bytes 10-19/{len(whole)}",
    )
    assert client.get(path, headers={"Range": "bytes=-5"}).content == whole[-5:]
    assert client.get(path, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    assert client.get(path, headers={"Range": "bytes=0-1,4-5"}).status_code == 200


@pytest.mark.parametrize(("who", "status"), [("jonas.keller", 200), ("carlos.mendez", 404), ("", 302)])
def test_only_who_may_see_the_report_opens_it(
    plant: KolbeMini, report: Report, who: str, status: int
) -> None:
    report("press 4 down, hydraulic leak", enclosures=[PHOTO])
    services.keep_attachments()
    browser = Client()
    if who:
        browser.force_login(plant.people[who])
    pk = Attachment.objects.get().pk
    assert browser.get(f"/attachments/{pk}/").status_code == status
    assert browser.get(f"/attachments/{pk}/small/").status_code == status


def test_a_message_without_a_record_shows_its_files_at_its_own_site_only(
    plant: KolbeMini, client: Client
) -> None:
    signal = services.receive_signal(
        source=services.source_of(kind="api", site=plant.rhf),
        external_id="loose",
        text="hello",
        enclosures=[PHOTO],
    ).signal
    services.keep_attachments()
    pk = signal.attachments.get().pk
    assert client.get(f"/attachments/{pk}/").status_code == 200
    stranger = Client()
    stranger.force_login(plant.people["carlos.mendez"])
    assert stranger.get(f"/attachments/{pk}/").status_code == 404


def test_what_is_refused_or_waits_is_never_served(report: Report, client: Client) -> None:
    report("press 4 down, hydraulic leak", enclosures=[PHOTO, Enclosure("x.svg", "image/svg+xml", b"<svg/>")])
    waiting, _svg = Attachment.objects.all()
    assert client.get(f"/attachments/{waiting.pk}/").status_code == 404
    services.keep_attachments()
    for row in Attachment.objects.filter(status="refused"):
        assert client.get(f"/attachments/{row.pk}/").status_code == 404
    assert client.get(f"/media/{waiting.incoming.name}").status_code == 404


# --- over the API -------------------------------------------------------------------------------------------
def test_the_api_takes_files_beside_the_message_and_lists_them(plant: KolbeMini) -> None:
    _token, secret = issue_token(user=plant.people["jonas.keller"], name="test")
    bearer = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k-1"}
    message = {"site": "RHF", "external_id": "app-1", "text": "press 4 down, hydraulic leak"}

    def send() -> Any:
        parts = {
            "signal": json.dumps(message),
            "attachment": [
                SimpleUploadedFile("leak.jpg", made.photo(), "image/jpeg"),
                SimpleUploadedFile("note.ogg", made.ogg(), "audio/ogg"),
            ],
        }
        return Client().post("/api/v1/signals/", parts, headers=bearer)

    answer, again = send(), send()
    assert (answer.status_code, again.status_code) == (201, 201)
    assert again.json() == answer.json()
    assert (Signal.objects.count(), Attachment.objects.count()) == (1, 2)
    listed = answer.json()["signal"]["attachments"]
    assert [(row["kind"], row["name"], row["status"], row["url"]) for row in listed] == [
        ("photo", "leak.jpg", "pending", ""),
        ("voice", "note.ogg", "pending", ""),
    ]
    services.keep_attachments()
    url = f"/api/v1/signals/{answer.json()['signal']['id']}/"
    photo, voice = Client().get(url, headers=bearer).json()["signal"]["attachments"]
    got = Client().get(photo["url"], headers={**bearer, "Accept": "image/*"})
    assert (got.status_code, got["Content-Type"], voice["content_type"]) == (200, "image/jpeg", "audio/ogg")
    assert Client().get(photo["url"]).status_code == 401


@pytest.mark.parametrize("document", ["", "not json", "[" * 5000, '{"site": "RHF"}'])
def test_a_multipart_message_nobody_can_read_is_refused(plant: KolbeMini, document: str) -> None:
    browser = Client()
    browser.force_login(plant.people["jonas.keller"])
    answer = browser.post(
        "/api/v1/signals/",
        {"signal": document, "file": SimpleUploadedFile("a.jpg", made.photo(), "image/jpeg")},
    )
    assert answer.status_code == 400
    assert (Signal.objects.count(), Attachment.objects.count()) == (0, 0)


# --- redacted -----------------------------------------------------------------------------------------------
def test_redacting_a_message_deletes_its_files_for_good(
    plant: KolbeMini, report: Report, client: Client, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    svg = Enclosure("a.svg", "image/svg+xml", b"<svg/>")
    reading = report("press 4 down, hydraulic leak", enclosures=[PHOTO, svg, VOICE])
    with django_capture_on_commit_callbacks(execute=True):
        services.keep_attachments()
    photo = Attachment.objects.all()[0]
    digest = photo.sha256
    assert len(stored(media)) == 4
    with django_capture_on_commit_callbacks(execute=True):
        services.redact_signal(signal_id=reading.signal_id, actor=plant.people["sofia.brandt"])
    assert stored(media) == []
    photo.refresh_from_db()
    assert (photo.status, photo.name, photo.sha256, str(photo.file)) == ("redacted", "", digest, "")
    assert client.get(f"/attachments/{photo.pk}/").status_code == 404
    assert Signal.objects.get().redacted_by == plant.people["sofia.brandt"]


def test_a_photo_still_being_worked_on_is_not_kept_after_the_redaction(
    plant: KolbeMini,
    report: Report,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    reading = report("press 4 down, hydraulic leak", enclosures=[PHOTO])
    real = attachments.redraw

    def redacted_meanwhile(data: bytes) -> Any:
        services.redact_signal(signal_id=reading.signal_id, actor=plant.people["sofia.brandt"])
        return real(data)

    monkeypatch.setattr(attachments, "redraw", redacted_meanwhile)
    with django_capture_on_commit_callbacks(execute=True):
        services.keep_attachments()
    assert Attachment.objects.get().status == "redacted"
    assert stored(media) == []


def test_files_are_for_the_product_alone(report: Report) -> None:
    report("press 4 down, hydraulic leak", enclosures=[PHOTO])
    path = default_storage.path(Attachment.objects.get().incoming.name)
    assert Path(path).stat().st_mode & 0o077 == 0
    assert ExceptionRecord.objects.count() == 1
