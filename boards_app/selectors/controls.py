"""Form controls for what an option or a task asks: one per input, with its choices from the plant.

Turns specifications ([{name, label, kind, required, choices, default}]) into what `boards_app/controls.html` draws, and
posted forms back into raw inputs. Checking them is the business of `decisions_app`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from boards_app import spoken
from core.languages import label
from exceptions_app.models import ExceptionRecord
from plant_app.models import (
    DutyAssignment,
    PurchaseOrderLine,
    ReasonCode,
    StockLocation,
    User,
    WorkCentre,
    WorkUnit,
)

PREFIX = "in-"
_TYPES = {"datetime": "datetime-local", "minutes": "number", "quantity": "number", "money": "number",
          "number": "number", "bool": "checkbox", "text": "text"}  # fmt: skip
Choice = tuple[str, str]


@dataclass(frozen=True)
class Control:
    """One input as a template draws it; `choices` makes it a list."""

    name: str
    label: str
    type: str
    value: Any
    required: bool
    unit: str = ""
    help: str = ""
    step: str = "any"
    choices: tuple[Choice, ...] | None = None
    checked: bool = False
    prefix: str = ""
    min: str = ""
    placeholder: str = ""

    @property
    def field(self) -> str:
        """Its name in the form."""
        return f"{self.prefix}{self.name}"

    @property
    def blank(self) -> str:
        """The words of the empty choice; "" where there is none."""
        named = next((words for code, words in self.choices or () if not code), "")
        if named or (self.required and self.value):
            return named
        return gettext("Choose") if self.choices else gettext("None is known")


class Choices:
    """What reference inputs of one exception may be, read once and only when asked for."""

    def __init__(self, exception: ExceptionRecord) -> None:
        self.exception = exception

    def of(self, kind: str) -> tuple[Choice, ...] | None:
        """The choices of a kind of input; None for kinds people type."""
        if kind not in _REFERENCES:
            return None
        return tuple(getattr(self, kind))

    @cached_property
    def alternate_unit(self) -> list[Choice]:
        operation, unit = self.exception.operation, self.exception.work_unit
        rows: list[Choice] = []
        if operation is not None:
            rows = [
                (
                    one.work_unit.code,
                    gettext("{unit}, set-up {time}").format(
                        unit=one.work_unit, time=spoken.span(float(one.setup_minutes))
                    ),
                )
                for one in operation.alternates.filter(approved=True).select_related("work_unit")
            ]
        if not rows and self.exception.work_centre_id:
            units = WorkUnit.objects.filter(work_centre=self.exception.work_centre_id, active=True)
            rows = [(one.code, str(one)) for one in units if unit is None or one.pk != unit.pk]
        return rows

    @cached_property
    def substitute(self) -> list[Choice]:
        if self.exception.item is None:
            return []
        rows = self.exception.item.alternates.filter(approved=True).select_related("substitute")
        return [(one.substitute.code, str(one.substitute)) for one in rows]

    @cached_property
    def purchase_line(self) -> list[Choice]:
        rows = PurchaseOrderLine.objects.filter(order__site=self.exception.site).select_related(
            "order__supplier"
        )
        if self.exception.item_id:
            rows = rows.filter(item=self.exception.item_id)
        zone = ZoneInfo(self.exception.site.timezone)
        return [
            (str(line), f"{line}, {line.order.supplier}, {line.promised_at.astimezone(zone):%a %d %b %H:%M}")
            for line in rows.order_by("promised_at")[:50]
        ]

    @cached_property
    def location(self) -> list[Choice]:
        rows = StockLocation.objects.filter(site=self.exception.site)
        return [(one.code, f"{one.name} ({one.code})") for one in rows]

    @cached_property
    def work_centre(self) -> list[Choice]:
        rows = WorkCentre.objects.filter(area__site=self.exception.site)
        return [(one.code, one.name) for one in rows]

    @cached_property
    def person(self) -> list[Choice]:
        held = DutyAssignment.objects.filter(site=self.exception.site).values("person")
        rows = User.objects.filter(pk__in=held, is_active=True).select_related("function")
        return [
            (one.username, f"{one}, {label(one.function)}" if one.function else str(one))
            for one in rows.order_by("display_name")
        ]

    @cached_property
    def reason(self) -> list[Choice]:
        rows = ReasonCode.objects.filter(type=self.exception.type_id, active=True)
        return [(one.code, label(one.name)) for one in rows]


_REFERENCES = frozenset(name for name, value in vars(Choices).items() if isinstance(value, cached_property))


def controls_of(
    specs: Sequence[Mapping[str, Any]], values: Mapping[str, Any], choices: Choices
) -> list[Control]:
    """One control per specified input, holding `values` (as `decisions_app` prefills them) or its default."""
    return [_control(spec, values, choices) for spec in specs]


def _control(spec: Mapping[str, Any], values: Mapping[str, Any], choices: Choices) -> Control:
    kind, name = str(spec.get("kind", "text")), str(spec["name"])
    value = values.get(name, spec.get("default"))
    listed = choices.of(kind)
    if kind == "choice":
        listed = tuple(
            (str(one), label(str(one).replace("_", " ").capitalize())) for one in spec.get("choices") or ()
        )
    if listed is not None and value and str(value) not in {code for code, _ in listed}:
        listed = (*listed, (str(value), str(value)))
    return Control(
        name=name,
        label=label(spec.get("label") or name),
        type=_TYPES.get(kind, "text"),
        value=_shown(kind, value, choices.exception),
        required=bool(spec.get("required")),
        unit=_unit(kind, choices.exception),
        help=label(spec.get("help")),
        step="1" if kind == "number" else "any",
        min="0" if _TYPES.get(kind) == "number" else "",
        choices=listed,
        prefix=PREFIX,
        checked=kind == "bool" and str(value).lower() in {"true", "1", "yes", "on"},
    )


def _shown(kind: str, value: Any, exception: ExceptionRecord) -> Any:
    if kind != "datetime" or value in (None, ""):
        return "" if value is None else value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return ""
    zone = ZoneInfo(exception.site.timezone)
    local = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
    return f"{local:%Y-%m-%dT%H:%M}"


def _unit(kind: str, exception: ExceptionRecord) -> str:
    if kind == "money":
        return exception.site.currency
    if kind == "minutes":
        return "min"
    if kind == "quantity":
        return exception.uom or (exception.item.uom if exception.item else "")
    return ""


def inputs_from(specs: Sequence[Mapping[str, Any]], posted: Mapping[str, Any]) -> dict[str, Any]:
    """The raw inputs a posted form holds. A box left empty says no: browsers do not send it."""
    raw: dict[str, Any] = {}
    for spec in specs:
        name, field = str(spec["name"]), f"{PREFIX}{spec['name']}"
        if spec.get("kind") == "bool":
            raw[name] = field in posted
        elif value := str(posted.get(field) or "").strip():
            raw[name] = value
    return raw
