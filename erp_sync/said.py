"""What an ERP says, made fit to be kept and shown: nothing our database can't store, and no secret.

Pure. Must not know: what an answer means.
"""

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "(hidden)"
#: Shorter ones would hide half of what is shown; no login takes them.
SECRET_LENGTH = 4


def without(secret: str, value: Any) -> Any:
    """Text, or text anywhere in mappings and lists, with each word of the secret hidden, also as in a URL."""
    words = [word for word in {secret, *secret.split()} if len(word) >= SECRET_LENGTH]
    if not words:
        return value
    return _hide(sorted({*words, *(quote(word, safe="") for word in words)}, key=len, reverse=True), value)


def storable(value: Any) -> Any:
    """The value with what PostgreSQL stores in no text or jsonb replaced: NUL, half a surrogate pair, NaN, infinity."""
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(storable(inner) for inner in value)
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    return value


def _hide(words: list[str], value: Any) -> Any:
    if isinstance(value, str):
        for word in words:
            value = value.replace(word, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {_hide(words, key): _hide(words, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(words, inner) for inner in value]
    return value
