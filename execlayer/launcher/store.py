"""Small files the launcher keeps in its home: secrets, addresses, what has been done already.

All but the sealing key are JSON; written whole (never half) and readable by their owner only.
"""

import base64
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """The file's object; empty when it is missing or unreadable."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: Any) -> None:
    """Replace the file in one step, mode 0600."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    Path(name).replace(path)


def keys(path: Path, *names: str) -> dict[str, str]:
    """The generated secrets, made once for each name and kept."""
    known = read(path)
    missing = [name for name in names if not known.get(name)]
    for name in missing:
        known[name] = secrets.token_urlsafe(50 if name == "secret_key" else 24)
    if missing:
        write(path, known)
    return {name: str(known[name]) for name in names}


def sealing_key(path: Path) -> None:
    """A key for passwords stored in the database (32 random bytes in URL-safe base64), made once, mode 0600."""
    if path.exists():
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
    Path(name).replace(path)
