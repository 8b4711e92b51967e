"""What an exception is called, in the plant's words: "Press 4 down, hydraulic leak".

Pure. Owns the sentence per type; must not know rows or languages other than the words it is handed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

LONGEST: Final = 160
SHOWN_TEXT: Final = 80


@dataclass(frozen=True, slots=True)
class Subject:
    """The words a title is made of; empty where nothing is known. `what` is the reporter's or the reason's wording."""

    place: str = ""
    what: str = ""
    kind: str = ""
    item: str = ""
    lot: str = ""
    order_line: str = ""
    customer: str = ""
    supplier: str = ""
    tool: str = ""
    change_no: str = ""
    quantity: Decimal | None = None
    uom: str = ""
    text: str = ""


def title_of(type_code: str, subject: Subject) -> str:
    """One line people recognise the case by; the report's own words when nothing was understood."""
    build = _TITLES.get(type_code)
    title = build(subject) if build else ""
    if not title:
        title = quoted(subject.text) or "A report nobody could read yet"
    title = " ".join(title.split())
    return title if len(title) <= LONGEST else title[: LONGEST - 1].rstrip() + "…"


def quoted(text: str) -> str:
    """The beginning of a text in quotes, cut at a word."""
    flat = " ".join(text.split())
    if not flat:
        return ""
    if len(flat) > SHOWN_TEXT:
        flat = flat[:SHOWN_TEXT].rsplit(" ", 1)[0] + "…"
    return f"“{flat}”"


def amount(quantity: Decimal | None, uom: str) -> str:
    """ "120 pcs", without trailing zeros; empty when not known."""
    if quantity is None:
        return ""
    number = format(quantity.normalize(), "f")
    return f"{number} {uom}".strip()


def _with(first: str, *more: str) -> str:
    return ", ".join(part for part in (first, *more) if part)


def _downtime(s: Subject) -> str:
    state = {"slow": "runs slow", "intermittent": "stops on and off"}.get(s.kind, "down")
    return _with(f"{s.place or 'A machine'} {state}", s.what)


def _shortage(s: Subject) -> str:
    missing = " ".join(part for part in (amount(s.quantity, s.uom), s.item or "material") if part)
    verb = "runs out of" if s.kind in {"soon", "predicted"} else "short of"
    return f"{s.place} {verb} {missing}" if s.place else f"{verb.capitalize()} {missing}"


def _quality(s: Subject) -> str:
    held = amount(s.quantity, s.uom)
    place = s.place or (f"lot {s.lot}" if s.lot else s.item)
    if place and s.what:
        return _with(f"{place[:1].upper()}{place[1:]}: {s.what}", f"{held} held" if held else "")
    head = s.what or f"{place} on hold".strip()
    return _with(head[:1].upper() + head[1:], held)


_CHANGES: Final[Mapping[str, str]] = {
    "DATE-EARLIER": "earlier", "DATE-LATER": "later", "QTY-UP": "more", "QTY-DOWN": "fewer",
    "CONFIG": "in another version", "SHIP-TO/MODE": "sent differently", "PRICE": "at another price",
}  # fmt: skip


def _order_change(s: Subject) -> str:
    who, line = s.customer or "Customer", s.order_line or "an order"
    if s.kind == "CANCEL":
        return f"{who} cancels {line}"
    if s.kind in {"ADD", "NEW"}:
        return f"{who} orders more: {line}"
    return f"{who} wants {line} {_CHANGES.get(s.kind, 'changed')}"


def _labour(s: Subject) -> str:
    many = amount(s.quantity, "")
    return _with(f"{s.place or 'A crew'}: {many or 'people'} missing", s.what)


def _tooling(s: Subject) -> str:
    return _with(f"{s.tool or 'A tool'} {s.what or 'faulty'}", s.place)


def _supplier(s: Subject) -> str:
    return _with(f"{s.supplier or 'A supplier'} is late", s.order_line, s.item)


def _complaint(s: Subject) -> str:
    return _with(
        f"{s.customer or 'A customer'} complains", s.what, s.item or (f"lot {s.lot}" if s.lot else "")
    )


def _safety(s: Subject) -> str:
    return _with(f"Safety stop{f' at {s.place}' if s.place else ''}", s.what)


def _engineering(s: Subject) -> str:
    return _with(f"Change {s.change_no}".strip(), s.item)


_TITLES: Final[Mapping[str, Callable[[Subject], str]]] = {
    "machine_downtime": _downtime,
    "material_shortage": _shortage,
    "quality_hold": _quality,
    "order_change": _order_change,
    "labour_shortage": _labour,
    "tooling": _tooling,
    "supplier_delay": _supplier,
    "customer_complaint": _complaint,
    "safety_stop": _safety,
    "engineering_change": _engineering,
}
