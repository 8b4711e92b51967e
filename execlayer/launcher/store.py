"""Small files the launcher keeps in its home: secrets, addresses, what has been done already.

All are JSON, written whole (never half) and readable by their owner only.
"""

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
