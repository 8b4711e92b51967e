"""Sealing passwords at rest: keys from the environment or a file of this installation, newest first. Pure.

Owns where the keys are, the sealing (Fernet of `cryptography`: AES-128-CBC with HMAC-SHA256) and what can be wrong with
either. Keys are read on each use, so that a rotation needs no restart. Must not know: connections, the database.
"""

import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

#: Keys parted by commas, blanks or line ends, newest first. Given, the file is not looked at.
VARIABLE = "EXECLAYER_SECRET_KEYS"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class SecretTrouble(Exception):
    """A secret can't be sealed or opened. `code` is stable, the words never hold any part of a key or secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys in force, newest first, and where they came from."""

    source: str
    values: tuple[str, ...] = field(repr=False)

    def seal(self, secret: str) -> str:
        """`secret` sealed with the newest key. Raises SecretTrouble."""
        return self._box().encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """What `seal` was given, under whichever key in force. Raises SecretTrouble `erp.secret_key_wrong`."""
        try:
            return self._box().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SecretTrouble(
                "erp.secret_key_wrong", f"none of the keys in {self.source} opens the stored secret"
            ) from None

    def is_newest(self, sealed: str) -> bool:
        """Whether `sealed` was sealed with the newest key."""
        try:
            MultiFernet([_fernet(self.values[0], self.source)]).decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True

    def _box(self) -> MultiFernet:
        return MultiFernet([_fernet(value, self.source) for value in self.values])


def from_environment(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the keys are given by the environment."""
    return bool(environ.get("EXECLAYER_SECRET_KEYS", "").strip())


def load_keys(file: Path, environ: Mapping[str, str] = os.environ) -> Keys:
    """The keys in force: of the environment, else of `file`, which nobody but its owner may read.

    Raises SecretTrouble: `erp.secret_key_missing`, `erp.secret_key_open` (others may read the file) or
    `erp.secret_key_bad` (a value is no key).
    """
    if from_environment(environ):
        return _keys(environ[VARIABLE], VARIABLE)
    try:
        mode = file.stat().st_mode
        content = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SecretTrouble(
            "erp.secret_key_missing",
            f"there is no key for stored secrets: {VARIABLE} is not set, {file.name}: {error.strerror}",
        ) from None
    except UnicodeDecodeError:
        raise SecretTrouble("erp.secret_key_bad", f"{file.name} is no UTF-8 text") from None
    if mode & _OTHERS:
        raise SecretTrouble(
            "erp.secret_key_open", f"{file.name} can be read by others than its owner: chmod 600"
        )
    return _keys(content, file.name)


def new_key_in(file: Path) -> None:
    """Put a fresh key before those `file` holds (making it, mode 600), in one step. Raises OSError."""
    try:
        before = file.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        before = []
    write_keys(file, [Fernet.generate_key().decode(), *before])


def write_keys(file: Path, values: Sequence[str]) -> None:
    """Replace the keys of `file` (of what it links to) whole, mode 600, its owner's as before. Raises OSError.

    They are on the disk when this comes back: what is sealed with them next is committed, and must outlive a power cut
    no longer than they do.
    """
    aim = file.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{aim.name}-", dir=aim.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write("\n".join(values) + "\n")
            opened.flush()
            if os.geteuid() == 0 and aim.exists():
                # An administrator rotates; the service must still be able to read its file.
                owner = aim.stat()
                os.fchown(opened.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(opened.fileno())
        Path(name).replace(aim)
    finally:
        Path(name).unlink(missing_ok=True)
    folder = os.open(aim.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keys(text: str, source: str) -> Keys:
    values = tuple(text.replace(",", " ").split())
    if not values:
        raise SecretTrouble("erp.secret_key_missing", f"{source} holds no key")
    for value in values:
        _fernet(value, source)
    return Keys(source, values)


def _fernet(value: str, source: str) -> Fernet:
    try:
        return Fernet(value)
    except ValueError:
        raise SecretTrouble(
            "erp.secret_key_bad", f"{source} holds a value that is no key (32 bytes in URL-safe base64)"
        ) from None
