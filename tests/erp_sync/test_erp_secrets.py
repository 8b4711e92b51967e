"""Stored passwords: sealed at rest, used at the next send, rotated without a restart, and never shown."""

import json
import logging
import stat
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from core.doctor import examine
from core.errors import InvalidInput
from erp_sync.models import ErpConnection, Posting, StoredSecret
from erp_sync.secrets import VARIABLE, SecretTrouble, load_keys, write_keys
from erp_sync.selectors import posting_in_full
from erp_sync.services import check_connection, forget_secret, rotate_secrets, send_due, store_secret
from erp_sync.services.connecting import address_of
from erp_sync.services.sealing import Rotated, opened_secret
from execlayer.launcher.store import sealing_key
from plant_app.models import User
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

OLD, NEW = "first-Horse-7", "second-Battery-8"


@pytest.fixture
def key_file(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installation's key file, as the launcher makes it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    settings.ERP_KEY_FILE = tmp_path / "secret.keys"
    sealing_key(settings.ERP_KEY_FILE)
    return settings.ERP_KEY_FILE


@pytest.fixture
def actor(db: None) -> User:
    return User.objects.create_superuser("root", password="secret-root")


def found(code: str) -> list[str]:
    return [finding.summary for finding in examine() if finding.code == code]


def test_the_launcher_makes_one_key_for_its_owner_only_and_keeps_it(key_file: Path) -> None:
    before = key_file.read_text()
    sealing_key(key_file)

    assert key_file.read_text() == before
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert load_keys(key_file, {}).open(load_keys(key_file, {}).seal("x")) == "x"


def test_what_is_wrong_with_keys_has_a_code_and_names_no_value(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"

    def code(environ: dict[str, str]) -> str:
        with pytest.raises(SecretTrouble) as caught:
            load_keys(file, environ)
        assert "not-a-key" not in caught.value.message
        return caught.value.code

    assert code({}) == "erp.secret_key_missing"
    assert code({VARIABLE: "not-a-key"}) == "erp.secret_key_bad"
    write_keys(file, ["not-a-key"])
    assert code({}) == "erp.secret_key_bad"
    write_keys(file, [])
    assert code({}) == "erp.secret_key_missing"
    write_keys(file, [Fernet.generate_key().decode()])
    file.chmod(0o640)
    assert code({}) == "erp.secret_key_open"


def test_a_new_password_is_used_at_the_next_send_of_the_same_worker(
    key_file: Path, erp: Books, main: ErpConnection, queue: Queue, actor: User
) -> None:
    store_secret(connection=main, secret=OLD, actor=actor)
    queue()
    send_due()
    store_secret(connection=main, secret=NEW, actor=actor)
    queue()
    send_due()

    assert next(given["password"] for given in erp.settings) == OLD
    assert erp.settings[-1]["password"] == NEW
    assert set(Posting.objects.values_list("status", flat=True)) == {"confirmed"}
    row = StoredSecret.objects.get()
    assert (row.set_by, row.connection.password_source) == (actor, "stored")
    assert OLD not in row.sealed
    assert NEW not in row.sealed


def test_keys_rotate_while_the_worker_goes_on(
    key_file: Path, erp: Books, main: ErpConnection, queue: Queue, actor: User
) -> None:
    store_secret(connection=main, secret=OLD, actor=actor)
    first = StoredSecret.objects.get().sealed
    queue()
    send_due()

    said = StringIO()
    call_command("rotate_secrets", "--new-key", "--drop-old", stdout=said)
    queue()
    send_due()

    assert said.getvalue().strip() == "1 sealed anew, 0 were already"
    assert StoredSecret.objects.get().sealed != first
    assert len(key_file.read_text().split()) == 1
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    with pytest.raises(SecretTrouble):
        load_keys(key_file, {}).open(first)
    assert {given["password"] for given in erp.settings} == {OLD}
    assert Posting.objects.filter(status="confirmed").count() == 2
    assert rotate_secrets().already == 1


def test_a_secret_no_key_opens_is_named_and_no_key_is_dropped(
    key_file: Path, erp: Books, main: ErpConnection, actor: User
) -> None:
    store_secret(connection=main, secret=OLD, actor=actor)
    write_keys(key_file, [Fernet.generate_key().decode()])
    with pytest.raises(CommandError, match="no key opens the password of main"):
        call_command("rotate_secrets", "--new-key", "--drop-old", stdout=StringIO())
    assert len(key_file.read_text().split()) == 2


@pytest.mark.django_db(transaction=True)
def test_a_password_given_while_keys_are_dropped_is_never_lost(
    key_file: Path, erp: Books, main: ErpConnection, actor: User
) -> None:
    sealed, leave = threading.Event(), threading.Event()

    def give() -> None:
        """Somebody stores a password; it is sealed with the old key and not committed yet."""
        try:
            with transaction.atomic():
                store_secret(connection=main, secret=NEW, actor=actor)
                sealed.set()
                leave.wait(60)
        finally:
            connection.close()

    def rotate() -> None:
        try:
            done.append(rotate_secrets(new_key=True, drop_old=True))
        finally:
            connection.close()

    done: list[Rotated] = []
    before = key_file.read_text()
    giver, rotator = threading.Thread(target=give), threading.Thread(target=rotate)
    giver.start()
    assert sealed.wait(60)
    rotator.start()
    until(waits_for_the_keys)
    assert key_file.read_text() == before
    leave.set()
    giver.join(60)
    rotator.join(60)

    assert done == [Rotated(resealed=1, already=0, lost=())]
    assert len(key_file.read_text().split()) == 1
    assert key_file.read_text() != before
    assert opened_secret(main) == (NEW, "")


@pytest.mark.django_db(transaction=True)
def test_a_password_given_during_a_rotation_waits_and_is_sealed_with_what_is_left(
    key_file: Path, erp: Books, main: ErpConnection, actor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked, leave = threading.Event(), threading.Event()

    def slowly(file: Path, values: Sequence[str]) -> None:
        """The moment between the check and the written file."""
        checked.set()
        leave.wait(60)
        write_keys(file, values)

    def run(act: Callable[[], Any]) -> None:
        try:
            act()
        finally:
            connection.close()

    store_secret(connection=main, secret=OLD, actor=actor)
    write_keys(key_file, [Fernet.generate_key().decode(), *key_file.read_text().split()])
    monkeypatch.setattr("erp_sync.services.sealing.write_keys", slowly)
    rotator = threading.Thread(target=run, args=(lambda: rotate_secrets(drop_old=True),))
    giver = threading.Thread(
        target=run, args=(lambda: store_secret(connection=main, secret=NEW, actor=actor),)
    )
    rotator.start()
    assert checked.wait(60)
    giver.start()
    until(waits_for_the_keys)
    assert opened_secret(main) == (OLD, "")
    leave.set()
    rotator.join(60)
    giver.join(60)

    assert len(key_file.read_text().split()) == 1
    assert opened_secret(main) == (NEW, "")


def waits_for_the_keys() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])


def until(there: Callable[[], bool]) -> None:
    for _ in range(3000):
        if there():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def test_keys_of_the_environment_go_first_and_are_changed_there(
    key_file: Path, main: ErpConnection, actor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv(VARIABLE, older)
    store_secret(connection=main, secret=OLD, actor=actor)
    monkeypatch.setenv(VARIABLE, f"{newer},{older}")
    assert rotate_secrets().resealed == 1
    monkeypatch.setenv(VARIABLE, newer)
    assert address_of(ErpConnection.objects.get()).password == OLD
    with pytest.raises(InvalidInput) as caught:
        rotate_secrets(new_key=True)
    assert caught.value.code == "erp.secret_key_environment"


def test_without_its_key_a_connection_waits_and_nothing_is_lost(
    key_file: Path, erp: Books, main: ErpConnection, queue: Queue, actor: User
) -> None:
    store_secret(connection=main, secret=OLD, actor=actor)
    kept = key_file.read_text()
    key_file.unlink()
    posting = queue()

    send_due()

    posting.refresh_from_db()
    assert (posting.status, erp.sends, erp.documents) == ("queued", [], [])
    address = address_of(main)
    assert (address.ready, address.password) == (False, "")
    assert check_connection(connection=main).ok is False
    assert "there is no key for stored secrets" in found("XL-W009")[0]
    with pytest.raises(InvalidInput) as caught:
        store_secret(connection=main, secret=NEW, actor=actor)
    assert caught.value.code == "erp.secret_key_missing"

    write_keys(key_file, [Fernet.generate_key().decode()])
    assert "none of the keys in secret.keys opens the stored secret" in found("XL-W009")[0]
    write_keys(key_file, kept.split())
    assert found("XL-W009") == []
    Posting.objects.update(due_at=datetime(2020, 1, 1, tzinfo=UTC))
    send_due()
    posting.refresh_from_db()
    assert (posting.status, len(erp.documents)) == ("confirmed", 1)


def test_a_password_is_in_no_log_attempt_repr_answer_or_page(
    key_file: Path, erp: Books, main: ErpConnection, queue: Queue, actor: User, client: Any, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    stored = store_secret(connection=main, secret=OLD, actor=actor)
    posting = queue()
    send_due()
    client.force_login(actor)

    told = [caplog.text, repr(stored), str(stored), repr(address_of(main)), repr(load_keys(key_file, {}))]
    full = posting_in_full(actor, posting.pk)
    assert full is not None
    assert full.tries.count() == 1
    told += [json.dumps([row.request, row.response, row.error]) for row in full.tries.all()]
    for address in (
        f"/admin/erp_sync/erpconnection/{main.pk}/change/",
        "/admin/erp_sync/erpconnection/",
        f"/admin/erp_sync/posting/{posting.pk}/change/",
        f"/admin/erp_sync/storedsecret/{stored.pk}/change/",
        "/admin/erp_sync/storedsecret/",
        f"/api/v1/postings/{posting.pk}/",
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        told.append(answer.content.decode())
    sealed = stored.sealed
    assert not [text for text in told if OLD in text or sealed in text]


def test_an_empty_password_is_refused_and_a_forgotten_one_stops_the_connection(
    key_file: Path, erp: Books, main: ErpConnection, actor: User
) -> None:
    with pytest.raises(InvalidInput) as caught:
        store_secret(connection=main, secret="", actor=actor)
    assert caught.value.code == "erp.secret_empty"
    store_secret(connection=main, secret=OLD, actor=actor)
    assert forget_secret(connection=main) is True
    assert (address_of(main).ready, address_of(main).detail) == (False, "no password is stored for it")
    assert forget_secret(connection=main) is False
