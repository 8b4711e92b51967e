"""Where a connection's address and secret come from, at the moment they are needed.

Owns the reading of password sources and of the installation's own ERP (environment first, then the file its builder
leaves). Secrets are read on each use, so they rotate without a restart; none is logged or shown. Sealed ones are opened
elsewhere. Must not know: models, postings, any ERP.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: A connection whose address is that of the ERP this installation runs itself.
INSTALLATION = "installation"
#: A connection whose password is sealed in this database (see `erp_sync.secrets`).
STORED = "stored"


@dataclass(frozen=True, slots=True)
class Address:
    """How to reach an ERP. `ready` is False while it is being built or a part is missing; `detail` says which."""

    url: str = ""
    database: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ready: bool = True
    detail: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_password(source: str, environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """(password, what is wrong) for `env:NAME`, `file:/path` or an empty source."""
    scheme, _, rest = source.partition(":")
    if not source:
        return "", ""
    if scheme == "env":
        return (environ[rest], "") if environ.get(rest) else ("", f"environment variable {rest} is not set")
    if scheme == "file":
        try:
            found = Path(rest).read_text(encoding="utf-8").rstrip("\n")
            return found, "" if found else "password file is empty"
        except OSError as error:
            return "", f"password file can't be read: {error.strerror}"
        except UnicodeDecodeError:
            return "", "password file can't be read: it is no UTF-8 text"
        except ValueError:
            return "", "password file can't be read: no file has such a name"
    return "", f"unknown password source {scheme}:"


def installation_address(state_file: Path, environ: Mapping[str, str] = os.environ) -> Address:
    """Address of the installation's own ERP: ERP_URL, ERP_DATABASE, ERP_USERNAME, ERP_PASSWORD, else the state file."""
    if environ.get("ERP_URL"):
        return Address(
            url=environ["ERP_URL"],
            database=environ.get("ERP_DATABASE", ""),
            username=environ.get("ERP_USERNAME", ""),
            password=environ.get("ERP_PASSWORD", ""),
        )
    state = read_state(state_file)
    if not state:
        return Address(ready=False, detail="the ERP has not been built yet")
    ready = bool(state.get("ready"))
    return Address(
        url=str(state.get("url", "")),
        database=str(state.get("database", "")),
        username=str(state.get("username", "")),
        password=str(state.get("password", "")),
        ready=ready and bool(state.get("url")),
        detail="" if ready else str(state.get("detail") or "the ERP is being built"),
        extra=_mapping(state.get("settings")),
    )


def read_state(state_file: Path) -> dict[str, Any]:
    """What the ERP's builder says of it; empty while it has said nothing (or is just writing)."""
    try:
        found = json.loads(state_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
