"""Taking a step of adoption as a person does: what it means for safety and for what is open is said before it is taken.

Owns the warnings and their confirmation; the step itself and its date are `plant_app`'s, which knows no records.
"""

from dataclasses import dataclass

from django.db import transaction

from core.errors import TransitionRefused
from exceptions_app.lifecycle import LIVE
from exceptions_app.models import ExceptionRecord
from plant_app.models import AdoptionStep, Capability, ExceptionType, Level, Severity, Site, User
from plant_app.models.adoption import LEVELS
from plant_app.selectors import Standing, standing_of
from plant_app.services import set_level


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a step brings about that whoever takes it has to want."""

    code: str
    text: str


@transaction.atomic
def take_step(
    *, site: Site, capability: str, level: str, type_: ExceptionType | None = None, actor: User | None,
    note: str = "", confirm: str = "",
) -> AdoptionStep | None:  # fmt: skip
    """Take a step as `plant_app.services.set_level` does, once what it warns of is confirmed.

    TransitionRefused `adoption.confirm` with `warnings` (each a code and a sentence) and the `confirm` code to send
    along, unless `confirm` is that code: it names the step and its warnings, so it confirms nothing else. None where it
    stands like this already; errors and lock as `set_level`.
    """
    found = warnings_of(site=site, capability=capability, level=level, type_=type_)
    wanted = confirmation(capability, level, found)
    if found and confirm != wanted:
        raise TransitionRefused(
            "adoption.confirm",
            " ".join(one.text for one in found),
            f"Send it again with confirm={wanted} to take it all the same.",
            confirm=wanted,
            warnings=[{"code": one.code, "text": one.text} for one in found],
        )
    return set_level(site=site, capability=capability, level=level, type_=type_, actor=actor, note=note)


def confirmation(capability: str, level: str, found: list[Warned]) -> str:
    """The code that confirms these warnings of this step: `response:capture:lower+safety`."""
    codes = "+".join(sorted(one.code for one in found))
    return f"{capability}:{level or 'site'}:{codes}"


def warnings_of(*, site: Site, capability: str, level: str, type_: ExceptionType | None) -> list[Warned]:
    """What a step would bring about that has to be wanted; none where it makes no sense or changes nothing.

    `safety`: an exception type that is critical by itself would not be coordinated, or not sent. `lower`: records are
    open while less than before is done for what opens next. At most three queries.
    """
    levels = LEVELS.get(capability, ())
    if (level and level not in levels) or not (level or type_):
        return []
    standing = standing_of(site)
    after = Level(level) if level else standing.site[capability]
    before = standing.of(capability, type_.pk if type_ is not None else None)
    if after == before:
        return []
    found = []
    name = Level(after).label.lower()
    safety = _safety_types(standing, capability, type_) if after != levels[-1] else []
    if safety and capability != Capability.SEQUENCE:
        which = ", ".join(safety)
        words = "nobody is told of it" if after == Level.CAPTURE else f"it is {name} and no more"
        found.append(Warned("safety", f"{which} is about people's safety: from then on {words} at {site}."))
    if levels.index(after) < levels.index(before):
        rows = ExceptionRecord.objects.filter(site=site, status__in=sorted(LIVE))
        count = (rows.filter(type=type_) if type_ is not None else rows).count()
        if count:
            noun = "record is open and goes" if count == 1 else "records are open and go"
            text = f"{count} {noun} on as begun; what opens from then on is {name} instead of {before.label.lower()}."
            found.append(Warned("lower", text))
    return found


def _safety_types(standing: Standing, capability: str, type_: ExceptionType | None) -> list[str]:
    """Names of critical types a step reaches: the type itself, or those that follow their site."""
    if type_ is not None:
        return [type_.name] if type_.default_severity == Severity.CRITICAL else []
    rows = ExceptionType.objects.filter(active=True, default_severity=Severity.CRITICAL)
    return [row.name for row in rows if (capability, row.pk) not in standing.types]
