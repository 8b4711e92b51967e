"""XML in and out, without surprises.

Owns the namespace, the safe reading of what others wrote (no document types, no entities, a size limit) and a short way
to write elements in order. Must not know: any message.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from erp_sync.errors import ErpRejected

NAMESPACE = "http://www.mesa.org/xml/B2MML"
RELEASE = "7.0"
MOST_BYTES = 20_000_000


def read(content: bytes, most_bytes: int = MOST_BYTES) -> Element:
    """The root of a B2MML document. Raises ErpRejected `b2mml.unreadable` for anything else."""
    if len(content) > most_bytes:
        raise ErpRejected("b2mml.too_large", f"a message has at most {most_bytes} bytes")
    try:
        root: Element = fromstring(content, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ErpRejected(
            "b2mml.unreadable", f"is no safe XML: {type(error).__name__} {error}"[:300]
        ) from None
    if not root.tag.startswith("{" + NAMESPACE + "}"):
        raise ErpRejected("b2mml.namespace", f"{root.tag[:120]} is not of the namespace {NAMESPACE}")
    return root


def name_of(element: Element) -> str:
    """Tag without its namespace."""
    return element.tag.rpartition("}")[2]


def every(element: Element, path: str) -> Iterator[Element]:
    """Elements under a path of plain names."""
    yield from element.iterfind("/".join(f"{{{NAMESPACE}}}{part}" for part in path.split("/")))


def text(element: Element, path: str) -> str:
    """Text of the first element under a path; empty when there is none."""
    found = next(every(element, path), None)
    return (found.text or "").strip() if found is not None else ""


def add(parent: Element, name: str, value: object = None, **attributes: str) -> Element:
    """Append an element; without value or attributes an empty one. Characters XML can't carry are left out."""
    child = SubElement(parent, name, attributes)
    if value is not None:
        child.text = "".join(one for one in str(value) if _carried(one))
    return child


def _carried(one: str) -> bool:
    return one in "\t\n\r" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one >= "\U00010000"


def message(name: str, bod_id: str, created: datetime, verb: str) -> tuple[Element, Element]:
    """(root, data area) of a message with its application area and verb."""
    root = Element(name, {"xmlns": NAMESPACE, "releaseID": RELEASE})
    area = add(root, "ApplicationArea")
    add(area, "CreationDateTime", created.isoformat())
    add(area, "BODID", bod_id)
    data = add(root, "DataArea")
    add(data, verb)
    return root, data


def write(root: Element) -> bytes:
    """The document as bytes."""
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content
