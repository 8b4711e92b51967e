"""Mailboxes on a real IMAP server: every mail once; what goes wrong stands on the row, and the doctor has its cure."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core import clock
from core.doctor import Finding
from exceptions_app import mail_doctor, services
from exceptions_app.channels.mail import imap
from exceptions_app.models import Attachment, ExceptionRecord, Mailbox, Signal, Source
from exceptions_app.services.channels import mailbox
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.mail_server import (
    PASSWORD,
    Server,
    box_of,
    fresh_name,
    make_source,
    running_server,
)
from tests.exceptions_app.mailing import mail
from tests.plant_fixtures import KolbeMini
from tests.tls_front import TlsFront


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real mail server for this module."""
    with running_server(tmp_path_factory.mktemp("imap")) as found:
        yield found


@pytest.fixture
def source(plant: KolbeMini, server: Server) -> Source:
    """A polled source of its own folder on the server."""
    return make_source(plant, server)


def again(source: Source) -> int:
    Mailbox.objects.filter(source=source).update(due_at=clock.now())
    return services.poll_mailboxes()


def test_a_mail_becomes_a_record_and_is_marked_as_seen(
    source: Source, server: Server, plant: KolbeMini
) -> None:
    folder = source.config["folder"]
    server.deliver(
        folder, mail("hydraulic leak since 9:30", files=(("leak.pdf", "application/pdf", b"%PDF-1.4"),))
    )

    assert services.poll_mailboxes() == 1

    signal = Signal.objects.get()
    assert (signal.channel, signal.sender, signal.sender_verified) == (
        "email",
        "jonas.keller@kolbe.example",
        True,
    )
    assert signal.reporter == plant.people["jonas.keller"]
    assert signal.text == "Press 4 down\n\nhydraulic leak since 9:30"
    assert Attachment.objects.get().name == "leak.pdf"
    assert not ExceptionRecord.objects.exists()
    assert server.seen(folder) == [True]
    assert services.read_due_signals() == 1
    assert ExceptionRecord.objects.get().work_unit == plant.units["PRS-04"]
    box = box_of(source)
    assert (box.stored, box.error, box.lease, box.attempts) == (1, "", "", 0)
    assert (box.read_at, box.due_at) == (MORNING, MORNING + timedelta(seconds=30))


def test_the_next_look_takes_only_what_is_new(source: Source, server: Server) -> None:
    folder = source.config["folder"]
    server.deliver(folder, mail(), mail())
    assert services.poll_mailboxes() == 2
    assert services.poll_mailboxes() == 0
    server.deliver(folder, mail())

    assert again(source) == 1
    assert again(source) == 0
    assert Signal.objects.count() == 3


def test_read_mails_are_moved_and_the_folder_is_made(plant: KolbeMini, server: Server) -> None:
    source = make_source(plant, server, processed=f"gelesen über {fresh_name()}")
    folder = source.config["folder"]
    server.deliver(folder, mail(), mail())

    assert services.poll_mailboxes() == 2

    assert server.seen(folder) == []
    assert box_of(source).warning == ""
    client = server.client()
    assert client.select(imap.quoted(source.config["processed"]))[1] == [b"2"]
    client.logout()


def test_a_folder_numbered_anew_is_looked_through_and_nothing_counts_twice(
    source: Source, server: Server
) -> None:
    server.deliver(source.config["folder"], mail(), mail(headers={"X": "y"}, message_id="again@x"))
    services.poll_mailboxes()
    Mailbox.objects.update(uid_validity=1)

    assert again(source) == 0
    assert (Signal.objects.count(), box_of(source).stored) == (2, 2)
    assert box_of(source).uid_validity > 1


def test_a_mail_without_an_id_is_known_by_its_content(source: Source, server: Server) -> None:
    raw = b"From: a@b.example\r\nSubject: press 4 down\r\n\r\nleak\r\n"
    server.deliver(source.config["folder"], raw, raw, raw + b"more\r\n")

    assert services.poll_mailboxes() == 2
    assert all(one.external_id.startswith("sha256:") for one in Signal.objects.all())


def test_of_a_mail_that_is_too_large_the_beginning_is_taken(plant: KolbeMini, server: Server) -> None:
    source = make_source(plant, server, most_megabytes=1)
    big = mail("press 4 down, film attached", files=(("film.mp4", "video/mp4", b"\x01" * 1_500_000),))
    server.deliver(source.config["folder"], big)

    assert services.poll_mailboxes() == 1

    signal = Signal.objects.get()
    assert signal.text == "press 4 down, film attached"
    assert (
        signal.payload["mail"]["notes"][-1]
        == "2 MB: only its beginning was taken, the whole is in the mailbox"
    )
    assert not Attachment.objects.exists()
    assert (box_of(source).oversized, len(server.seen(source.config["folder"]))) == (1, 1)


def test_implicit_tls_is_spoken_and_a_wrong_certificate_is_refused(
    plant: KolbeMini, server: Server, tmp_path: Path
) -> None:
    with TlsFront(f"http://127.0.0.1:{server.port}", tmp_path) as front:
        port = int(front.url.rpartition(":")[2])
        good = make_source(plant, server, tls="tls", port=port, ca=front.authority.read_text())
        bad = make_source(plant, server, tls="tls", port=port, ca="")
        server.deliver(good.config["folder"], mail())
        server.deliver(bad.config["folder"], mail())

        assert services.poll_mailboxes() == 1

    assert box_of(good).error == ""
    assert "the encryption failed" in box_of(bad).error
    assert Signal.objects.get().source == good


def test_a_refused_password_is_told_and_tried_again_with_growing_pauses(
    source: Source, server: Server
) -> None:
    server.deliver(source.config["folder"], mail())
    source.secrets = {"password": "wrong"}
    source.save()
    pauses, now = [], MORNING
    for _ in range(4):
        with clock.travel(now):
            assert services.poll_mailboxes() == 0
        box = box_of(source)
        pauses.append(round((box.due_at - now).total_seconds()))
        now = box.due_at

    assert pauses == [10, 20, 40, 80]
    assert box.error.startswith("Logging in: ")
    assert (box.attempts, box.failing_since, box.lease) == (4, MORNING, "")
    with clock.travel(MORNING + timedelta(minutes=3)):
        assert _codes(mail_doctor.mailboxes_answer()) == {"XL-E020"}
    assert not Signal.objects.exists()

    source.secrets = {"password": PASSWORD}
    source.save()
    with clock.travel(now):
        assert services.poll_mailboxes() == 1
    assert (box_of(source).error, box_of(source).failing_since) == ("", None)
    with clock.travel(now):
        assert _codes(mail_doctor.mailboxes_answer()) == set()


def _codes(findings: Any) -> set[str]:
    found: list[Finding] = list(findings)
    assert all(one.cure for one in found)
    return {one.code for one in found}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folder": "nowhere"}, "There is no folder nowhere"),
        ({"user": ""}, "The source has no user."),
        ({"host": "", "user": ""}, "The source has no host, no user."),
        ({"port": 1}, "Connecting to localhost:1: "),
        ({"host": "no-such-host.invalid"}, "Connecting to no-such-host.invalid"),
        ({"ca": "no certificate"}, "Connecting to localhost"),
    ],
)
def test_what_keeps_a_mailbox_from_being_read_stands_on_its_row(
    source: Source, change: dict[str, Any], words: str
) -> None:
    source.config = {**source.config, **change}
    source.save()

    assert services.poll_mailboxes() == 0
    assert box_of(source).error.startswith(words)


def test_a_server_that_says_nothing_is_left_alone(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "PATIENCE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source.config = {**source.config, "host": "127.0.0.1", "port": silent.getsockname()[1], "tls": "none"}
        source.save()

        assert services.poll_mailboxes() == 0

    assert box_of(source).error.endswith("the server did not answer in time")


def test_one_mailbox_that_fails_does_not_hold_up_the_others(plant: KolbeMini, server: Server) -> None:
    broken = make_source(plant, server, port=1)
    fine = make_source(plant, server)
    server.deliver(fine.config["folder"], mail())

    assert services.poll_mailboxes() == 1
    assert (box_of(broken).attempts, box_of(fine).attempts) == (1, 0)


def test_a_retired_or_leased_mailbox_is_not_touched(source: Source, server: Server) -> None:
    server.deliver(source.config["folder"], mail())
    Mailbox.objects.create(source=source, lease="somebody", lease_until=MORNING + timedelta(seconds=1))
    assert services.poll_mailboxes() == 0
    Mailbox.objects.update(lease_until=MORNING)
    Source.objects.filter(pk=source.pk).update(active=False)
    assert services.poll_mailboxes() == 0
    Source.objects.filter(pk=source.pk).update(active=True)

    assert services.poll_mailboxes() == 1


def test_a_poller_that_lost_its_lease_leaves_the_row_alone(
    source: Source, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deliver(source.config["folder"], mail(), mail())
    real = imap.Connection.done_with

    def taken_over(self: imap.Connection, uid: int) -> str:
        Mailbox.objects.update(lease="another")
        return real(self, uid)

    monkeypatch.setattr(imap.Connection, "done_with", taken_over)

    services.poll_mailboxes()

    box = box_of(source)
    assert (box.lease, box.last_uid, box.read_at) == ("another", 0, None)
    assert Signal.objects.count() == 1


def test_a_busy_mailbox_gives_the_others_their_turn(
    source: Source, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MOST_MAILS", 2)
    server.deliver(source.config["folder"], *(mail() for _ in range(5)))

    assert services.poll_mailboxes(limit=1) == 2
    assert box_of(source).due_at == MORNING
    assert services.poll_mailboxes(limit=3) == 3


def test_the_doctor_names_what_a_mail_source_lacks(source: Source) -> None:
    assert _codes(mail_doctor.mail_sources_are_complete()) == set()
    source.config, source.secrets = {**source.config, "authserv": "", "host": ""}, {}
    source.save()

    found = list(mail_doctor.mail_sources_are_complete())

    assert [one.code for one in found] == ["XL-E023", "XL-E024"]
    assert found[0].summary == f"1 mail sources are not set up: {source.code}: host, password"
