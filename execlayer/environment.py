"""What the surroundings say: environment variables, and below them what a running `make run` left on disk.

Owns reading and parsing of those words, so that settings only names them. Knows nothing of Django. The launcher
writes `services.json` into its home; a shell beside it (`manage.py doctor`) then reaches the same database
without a single exported variable.
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("EXECLAYER_HOME") or ROOT / ".execlayer").resolve()
SERVICES_FILE = HOME / "services.json"
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})


def _left_by_launcher() -> dict[str, str]:
    try:
        found = json.loads(SERVICES_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()}


_fallback = _left_by_launcher()


def text(name: str, default: str = "") -> str:
    """The variable's value; an empty one counts as not given."""
    return os.environ.get(name) or _fallback.get(name) or default


def flag(name: str, *, default: bool = False) -> bool:
    value = text(name)
    return value.strip().lower() in TRUE_WORDS if value else default


def number(name: str, default: int) -> int:
    value = text(name)
    return int(value) if value else default


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list, blanks dropped."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def database(url: str) -> dict[str, Any]:
    """Django's form of `postgresql://user:password@host:port/name?option=value`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"DATABASE_URL must start with postgresql://, not {parts.scheme}://")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


def redis_database(url: str, number: int) -> str:
    """The same server, another numbered database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
