"""A mailbox over IMAP4rev1 (RFC 3501), with MOVE (RFC 6851) and UIDPLUS (RFC 4315) where the server has them.

One connection per look, every wait bounded. Reads with PEEK, so that nothing is marked before it is safely stored
elsewhere. Knows no rows; what goes wrong comes out as MailboxError with a sentence for the administrator.
"""

import base64
import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

PATIENCE_SECONDS: Final = 12.0
#: Of a mail that is larger than allowed, this much is taken.
BEGINNING: Final = 262_144
_SIZE: Final = re.compile(rb"RFC822\.SIZE (\d+)")
_MOST_UIDS: Final = 5000


class MailboxError(Exception):
    """The mailbox could not be read; the text says what to look at. `login`: the server refused user or password."""

    def __init__(self, words: str, *, login: bool = False) -> None:
        super().__init__(words)
        self.login = login


@dataclass(frozen=True, slots=True)
class Account:
    """Where a mailbox is and how to get in. `tls` is `tls`, `starttls` or `none`; `ca` PEM of an own authority."""

    host: str
    user: str
    password: str
    port: int = 0
    tls: str = "tls"
    ca: str = ""
    folder: str = "INBOX"
    processed: str = ""
    most_bytes: int = 25_000_000


def account_of(config: Mapping[str, Any], secrets: Mapping[str, Any]) -> Account:
    """An account from a source's settings. MailboxError names what is missing."""
    missing = [name for name in ("host", "user") if not str(config.get(name) or "").strip()]
    if not secrets.get("password"):
        missing.append("password")
    if missing:
        raise MailboxError(f"The source has no {', no '.join(missing)}.")
    ca = config.get("ca") or ""
    return Account(
        host=str(config["host"]).strip(), user=str(config["user"]).strip(), password=str(secrets["password"]),
        port=whole(config.get("port"), 0), tls=str(config.get("tls") or "tls"),
        ca="\n".join(ca) if isinstance(ca, list) else str(ca), folder=str(config.get("folder") or "INBOX").strip(),
        processed=str(config.get("processed") or "").strip(),
        most_bytes=max(1, whole(config.get("most_megabytes"), 25)) * 1_000_000,
    )  # fmt: skip


def whole(value: Any, default: int) -> int:
    """A setting as a whole number, the default where it is none."""
    try:
        return int(str(value))
    except ValueError:
        return default


@contextlib.contextmanager
def _in_words(doing: str) -> Iterator[None]:
    """Every way the network or the server can fail, as one sentence."""
    try:
        yield
    except ssl.SSLError as error:
        raise MailboxError(f"{doing}: the encryption failed ({error.reason or error})"[:280]) from None
    except TimeoutError as error:
        raise MailboxError(f"{doing}: the server did not answer in time") from error
    except (OSError, EOFError, UnicodeError) as error:
        raise MailboxError(f"{doing}: {error or type(error).__name__}"[:280]) from error
    except imaplib.IMAP4.error as error:
        raise MailboxError(f"{doing}: {_plain(error)}"[:280]) from None


def _plain(error: Exception) -> str:
    text = str(error.args[0] if error.args else error)
    return text[2:-1] if text.startswith(("b'", 'b"')) else text


class Connection:
    """One look into one folder: `with Connection(account) as box: ...`."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.uid_validity = 0
        self._imap: imaplib.IMAP4
        self._capabilities: frozenset[str] = frozenset()

    def __enter__(self) -> "Connection":
        account = self.account
        where = f"{account.host}:{account.port or (993 if account.tls == 'tls' else 143)}"
        with _in_words(f"Connecting to {where}"):
            self._imap = self._connected()
        try:
            self._log_in()
            self._select()
        except MailboxError:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _connected(self) -> imaplib.IMAP4:
        account = self.account
        context = ssl.create_default_context(cadata=account.ca or None)
        if account.tls == "tls":
            return imaplib.IMAP4_SSL(
                account.host, account.port or 993, ssl_context=context, timeout=PATIENCE_SECONDS
            )
        plain = imaplib.IMAP4(account.host, account.port or 143, timeout=PATIENCE_SECONDS)
        if account.tls == "starttls":
            plain.starttls(context)
        return plain

    def _log_in(self) -> None:
        try:
            with _in_words("Logging in"):
                self._imap.login(self.account.user, self.account.password)
        except MailboxError as refusal:
            silent = isinstance(refusal.__cause__, OSError)
            raise MailboxError(str(refusal), login=not silent) from None
        with _in_words("Asking what the server can do"):
            kind, data = self._imap.capability()
        words = b" ".join(one for one in data if isinstance(one, bytes)) if kind == "OK" else b""
        self._capabilities = frozenset(words.decode("ascii", errors="replace").upper().split())

    def _select(self) -> None:
        folder = self.account.folder
        with _in_words(f"Opening the folder {folder}"):
            kind, data = self._imap.select(quoted(folder))
            if kind != "OK":
                raise MailboxError(f"There is no folder {folder}: {_said(data)}")
            _, numbers = self._imap.response("UIDVALIDITY")
        found = [one for one in numbers if isinstance(one, bytes) and one.isdigit()]
        self.uid_validity = int(found[-1]) if found else 0

    def _leave(self) -> None:
        with contextlib.suppress(OSError, imaplib.IMAP4.error, ValueError):
            self._imap.sock.settimeout(3)
            self._imap.logout()
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._imap.shutdown()

    def uids_after(self, last: int) -> list[int]:
        """The UIDs above `last`, ascending, at most 5000 of them."""
        with _in_words("Looking for new mails"):
            # "n:*" always names the newest mail, even where its UID is below n (RFC 3501, section 6.4.8).
            kind, data = self._imap.uid("SEARCH", "UID", f"{last + 1}:*")
            if kind != "OK":
                raise MailboxError(f"Looking for new mails: {_said(data)}")
        found = b" ".join(one for one in data if isinstance(one, bytes)).split()
        return sorted({int(one) for one in found if one.isdigit() and int(one) > last})[:_MOST_UIDS]

    def fetch(self, uid: int) -> tuple[bytes, int] | None:
        """A mail's bytes and its true size; only the beginning of one that is too large; None when it is gone."""
        with _in_words(f"Fetching mail {uid}"):
            kind, data = self._imap.uid("FETCH", str(uid), "(UID RFC822.SIZE)")
            size = _number(_SIZE, data) if kind == "OK" else None
            if size is None:
                return None
            part = "BODY.PEEK[]" if size <= self.account.most_bytes else f"BODY.PEEK[]<0.{BEGINNING}>"
            kind, data = self._imap.uid("FETCH", str(uid), f"(UID {part})")
        raw = next((one[1] for one in data or [] if isinstance(one, tuple) and len(one) > 1), None)
        return (raw, size) if kind == "OK" and isinstance(raw, bytes) else None

    def done_with(self, uid: int) -> str:
        """Mark a mail as seen, and move it where that is wanted. Returns why it could not be moved, else nothing."""
        with _in_words(f"Marking mail {uid}"):
            kind, data = self._imap.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")
            why = "" if kind == "OK" else f"mails cannot be marked as seen: {_said(data)}"
            target = self.account.processed
            return self._move(uid, target) or why if target else why

    def _move(self, uid: int, target: str) -> str:
        kind, data = self._try_move(uid, target)
        if kind != "OK":
            self._imap.create(quoted(target))
            kind, data = self._try_move(uid, target)
        return "" if kind == "OK" else f"mails cannot be moved to {target}: {_said(data)}"

    def _try_move(self, uid: int, target: str) -> tuple[str, list[Any]]:
        if "MOVE" in self._capabilities:
            return self._imap.uid("MOVE", str(uid), quoted(target))
        kind, data = self._imap.uid("COPY", str(uid), quoted(target))
        if kind != "OK":
            return kind, data
        kind, data = self._imap.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)")
        # Without UIDPLUS an EXPUNGE would also remove what somebody else has marked; then the mark has to do.
        if kind == "OK" and "UIDPLUS" in self._capabilities:
            kind, data = self._imap.uid("EXPUNGE", str(uid))
        return kind, data


def quoted(folder: str) -> str:
    """A folder's name as IMAP writes it: modified UTF-7 (RFC 3501, section 5.1.3) in quotes."""
    shown = ""
    for plain, other in re.findall(r"([\x20-\x7e]+)|([^\x20-\x7e]+)", folder):
        if plain:
            shown += plain.replace("&", "&-")
        else:
            coded = other.encode("utf-16-be")
            shown += "&" + _base64(coded) + "-"
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=").replace("/", ",")


def _number(pattern: re.Pattern[bytes], data: list[Any]) -> int | None:
    for one in data or []:
        text = one[0] if isinstance(one, tuple) else one
        found = pattern.search(text) if isinstance(text, bytes) else None
        if found:
            return int(found.group(1))
    return None


def _said(data: list[Any]) -> str:
    words = b" ".join(one for one in data or [] if isinstance(one, bytes))
    return words.decode("utf-8", errors="replace")[:200] or "the server said no"
