"""Stored passwords: sealed when they are given, opened on each use, sealed anew when keys change.

The only reader and writer of sealed rows. Sealing and changing keys go one after the other, under one lock of the
database: no password is sealed with a key that is being removed. A secret leaves here into a connector and nowhere
else: it is in no log, no page, no answer. Must not know: postings, any ERP.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection as database
from django.db import transaction

from core import clock
from core.errors import InvalidInput
from core.wake import wake
from erp_sync import access
from erp_sync.models import ErpConnection, StoredSecret
from erp_sync.secrets import (
    VARIABLE,
    Keys,
    SecretTrouble,
    from_environment,
    load_keys,
    new_key_in,
    write_keys,
)
from plant_app.models import User

#: Name of the lock on the keys: whoever seals holds it to the end of his transaction, whoever changes keys until the
#: file is written, which is after his.
_KEYS = 0x4553


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: secrets sealed anew, those the newest key sealed already, codes no key opens."""

    resealed: int
    already: int
    lost: tuple[str, ...]


@transaction.atomic
def store_secret(*, connection: ErpConnection, secret: str, actor: User | None) -> StoredSecret:
    """Seal `secret` as the password of `connection` and make that its source; the next send uses it, without a restart.

    Raises InvalidInput: `erp.secret_empty`, or the code of what is wrong with the keys. Locks the keys, then the
    connection.
    """
    if not secret:
        raise InvalidInput("erp.secret_empty", "A password to store must not be empty.")
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_KEYS])
    try:
        sealed = _keys().seal(secret)
    except SecretTrouble as trouble:
        raise InvalidInput(
            trouble.code,
            f"The password can't be stored: {trouble.message}.",
            "`manage.py rotate_secrets --new-key` makes a key.",
        ) from None
    row = ErpConnection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    stored, _new = StoredSecret.objects.update_or_create(
        connection=row, defaults={"sealed": sealed, "set_at": clock.now(), "set_by": actor}
    )
    if row.password_source != access.STORED:
        row.password_source = access.STORED
        row.save(update_fields=["password_source"])
    connection.password_source = access.STORED
    wake("postings")
    return stored


@transaction.atomic
def forget_secret(*, connection: ErpConnection) -> bool:
    """Delete the stored password; whether there was one. A connection that used it waits until it gets another."""
    return StoredSecret.objects.filter(connection=connection).delete()[0] > 0


def opened_secret(connection: ErpConnection) -> tuple[str, str]:
    """(password, what is wrong) of a connection whose password is stored here. One query; keys are read each time.

    One that does not open is read once more: keys may have changed between the row and the file.
    """
    row = StoredSecret.objects.filter(connection=connection).values_list("sealed", flat=True)
    sealed = row.first()
    if sealed is None:
        return "", "no password is stored for it"
    try:
        return _keys().open(sealed), ""
    except SecretTrouble as trouble:
        again = row.all().first()
        if again is None or again == sealed:
            return "", trouble.message
    try:
        return _keys().open(again), ""
    except SecretTrouble as trouble:
        return "", trouble.message


def why_not_sealed() -> str:
    """What keeps a password from being stored; empty when nothing does."""
    try:
        _keys()
    except SecretTrouble as trouble:
        return f"It can't be stored: {trouble.message}. `manage.py rotate_secrets --new-key` makes a key."
    return ""


def secret_opens(*, connection: ErpConnection) -> bool:
    """Whether a key in force opens the stored password of a connection."""
    return not opened_secret(connection)[1]


def rotate_secrets(*, new_key: bool = False, drop_old: bool = False) -> Rotated:
    """Seal every stored secret with the newest key. Safe to repeat. Must not run inside a transaction.

    `new_key` first puts a fresh key into the key file; `drop_old` in the end removes all others from it, unless a
    secret is left that only they may open. Locks the keys from the first look to the written file, so that a password
    stored meanwhile waits and is sealed with what is left; the rows are locked, too. The file is written after the
    commit: a rotation that breaks off leaves keys too many, never too few. Raises InvalidInput for keys that are given
    by the environment (they are changed there) or that can't be used, `erp.secret_key_file` where their file can't be
    changed, and `erp.secret_key_needed` where a row turns
    out to need an old key after all. A secret no key opens is named and left as it is.
    """
    file = settings.ERP_KEY_FILE
    if (new_key or drop_old) and from_environment():
        raise InvalidInput("erp.secret_key_environment", f"The keys come from {VARIABLE}: change them there.")
    with _keys_to_myself():
        try:
            if new_key:
                new_key_in(file)
            keys = _keys()
        except SecretTrouble as trouble:
            raise InvalidInput(trouble.code, f"{trouble.message[0].upper()}{trouble.message[1:]}.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise _not_changed(file, error) from None
        done = _reseal(keys)
        if drop_old and not done.lost:
            if not all(map(keys.is_newest, StoredSecret.objects.values_list("sealed", flat=True))):
                raise InvalidInput(
                    "erp.secret_key_needed", "A stored password still needs an older key: no key was removed.",
                    "Run it again.",
                )  # fmt: skip
            try:
                write_keys(file, keys.values[:1])
            except OSError as error:
                raise _not_changed(file, error) from None
    return done


def _not_changed(file: Path, error: OSError | UnicodeDecodeError) -> InvalidInput:
    why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
    return InvalidInput("erp.secret_key_file", f"{file.name} can't be changed: {why}. It is as it was.")


@transaction.atomic
def _reseal(keys: Keys) -> Rotated:
    """Every row under the newest of `keys`, as far as they open it."""
    resealed, already, lost = 0, 0, []
    for row in (
        StoredSecret.objects.select_for_update(of=("self",), no_key=True)
        .select_related("connection")
        .order_by("pk")
    ):
        if keys.is_newest(row.sealed):
            already += 1
            continue
        try:
            row.sealed = keys.seal(keys.open(row.sealed))
        except SecretTrouble:
            lost.append(row.connection.code)
            continue
        row.save(update_fields=["sealed"])
        resealed += 1
    return Rotated(resealed, already, tuple(lost))


@contextmanager
def _keys_to_myself() -> Iterator[None]:
    """Nobody seals or changes keys meanwhile. Ends with the database session, so a dead process holds nothing."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_KEYS])
    try:
        yield
    finally:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_KEYS])


def _keys() -> Keys:
    return load_keys(settings.ERP_KEY_FILE)
