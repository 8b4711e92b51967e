"""Master data asked for over HTTP: a Get message for each entity, answered by a Show of all there is.

Owns the questions and the reading of the answers. The schema knows no "changed since", so an answer is whole each time:
the watermark is the hash of what it said, and an answer that says the same again is no page. Must not know: HTTP.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from core import clock
from erp_sync.adapters.b2mml import xml
from erp_sync.adapters.b2mml.confirm import ERRORS
from erp_sync.adapters.b2mml.pull import records
from erp_sync.adapters.filedrop.pull import SIZE
from erp_sync.adapters.port import Page, Record
from erp_sync.errors import ErpRejected, ErpUnavailable

#: entity -> the noun a Get and its Show carry
NOUNS = {"items": "MaterialDefinition", "work_centres": "Equipment", "work_orders": "OperationsSchedule"}
EVERY = "*"


def question(entity: str) -> bytes:
    """The Get message for all of an entity."""
    noun = NOUNS[entity]
    root, data = xml.message(f"Get{noun}", f"GET-{entity}", clock.now(), "Get")
    asked = xml.add(data, noun)
    xml.add(asked, "ID", EVERY)
    if noun == "OperationsSchedule":  # the schema wants a request with a segment in it
        request = xml.add(asked, "OperationsRequest")
        xml.add(request, "ID", EVERY)
        segment = xml.add(request, "SegmentRequirement")
        for name in ("ID", "ProcessSegmentID", "OperationsDefinitionID", "OperationsSegmentID"):
            xml.add(segment, name, EVERY)
    return xml.write(root)


def pages(entity: str, watermark: str, answer: bytes) -> Iterator[Page]:
    """Pages of an answer that says anything else than the one of `watermark`; only the last carries the new one.

    Raises ErpUnavailable `b2mml.unexpected` for what is no Show of it, ErpRejected `b2mml.row` after the good rows.
    """
    found, wrong = _read(entity, answer)
    said = json.dumps([(one.code, one.data, one.deleted) for one in found], sort_keys=True).encode()
    mark = hashlib.sha256(said).hexdigest()
    if mark == watermark and not wrong:
        return
    last = len(found) - 1 if found else 0
    for start in range(0, max(len(found), 1), SIZE):
        part = tuple(found[start : start + SIZE])
        done = start + SIZE > last and not wrong
        yield Page(part, mark if done else watermark, total=len(found))
    if wrong:
        raise ErpRejected("b2mml.row", f"{entity}: {wrong[0]}" + _more(wrong))


def identities(entity: str, answer: bytes) -> Iterator[str]:
    """What an answer names. Raises ErpUnavailable where it can't be read whole: it then proves nothing."""
    found, wrong = _read(entity, answer)
    if wrong:
        raise ErpUnavailable(f"{entity}: {wrong[0]}" + _more(wrong), code="b2mml.row")
    return (one.external_id for one in found if not one.deleted)


def _read(entity: str, answer: bytes) -> tuple[list[Record], list[str]]:
    try:
        name = xml.name_of(xml.read(answer))
    except ErpRejected as error:
        raise ErpUnavailable(f"the answer {error.message}", code="b2mml.unexpected") from None
    if name in ERRORS or name not in (f"Show{NOUNS[entity]}", f"Sync{NOUNS[entity]}"):
        raise ErpUnavailable(f"the answer is a {name}, no Show{NOUNS[entity]}", code="b2mml.unexpected")
    found: list[Record] = []
    wrong: list[str] = []
    for one in records(entity, name, answer, clock.now()):
        if isinstance(one, str):
            wrong.append(one)
        else:
            found.append(one)
    return found, [words for words in wrong if not words.endswith(f"holds no {entity}")]


def _more(wrong: list[str]) -> str:
    return f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
