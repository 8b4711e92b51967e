"""What the form behind a printed code offers: the machine, what runs on it, kinds of trouble with their reasons.

Made of the same tiles as the station's. Also says which of a form's answers count: only what it offers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from boards_app.selectors.capture import Tile, tiles
from boards_app.selectors.station import running_on
from plant_app.models import Operation, Site, UnitCode, WorkOrder, WorkUnit
from plant_app.services import token_of

LONGEST_ANSWER = 300


@dataclass(frozen=True)
class CodeForm:
    """Everything the form shows. `token` is the address it was opened by, written as the sticker has it."""

    unit: WorkUnit
    site: Site
    token: str
    operation: Operation | None
    tiles: list[Tile]

    def chosen(self, answers: Mapping[str, str]) -> dict[str, Any]:
        """The fields a report is made of: the machine always, and of the answers those this form offers.

        Names are `type`, `order` (the order that ran when the page was drawn) and `<type>.<field>`.
        """
        fields: dict[str, Any] = {
            "work_unit": self.unit.code, "work_centre": self.unit.work_centre.code,
        }  # fmt: skip
        tile = next((one for one in self.tiles if one.code == answers.get("type")), None)
        if tile is None:
            return fields
        fields |= {name: value for name, value in tile.filled if name != "work_order"}
        asked = {field.name for field in tile.fields}
        for name in asked:
            value = answers.get(f"{tile.code}.{name}", "").strip()
            if value:
                fields[name] = value[:LONGEST_ANSWER]
        reason = answers.get(f"{tile.code}.reason", "")
        if reason in {one.code for one in tile.reasons}:
            fields["reason"] = reason
        order = answers.get("order", "")
        ran_here = any(name == "work_order" for name, _value in tile.filled) or self.operation is None
        if order and ran_here and WorkOrder.objects.filter(number=order, site=self.site).exists():
            fields["work_order"] = order
        return fields


def code_form(code: UnitCode) -> CodeForm:
    """The form of a machine's printed code as of now. At most eight queries."""
    unit = code.work_unit
    operation = running_on(unit)
    return CodeForm(
        unit=unit,
        site=unit.work_centre.area.site,
        token=token_of(code),
        operation=operation,
        tiles=tiles(unit.work_centre, unit, operation),
    )
