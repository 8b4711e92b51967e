"""The lists of boards and of stations: every area of some sites with the states of its machines, and what is open.

Five queries, whatever the plant's size. The caller has checked which sites its reader may see.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Prefetch

from boards_app.selectors.board import TILES, state_words
from exceptions_app.models import ExceptionRecord
from plant_app.models import Area, Site, WorkCentre, WorkUnit, WorkUnitState


@dataclass(frozen=True)
class AreaLine:
    """An area in the list of boards: how many units are in which state, its stations, what is open."""

    area: Area
    counts: list[tuple[str, str, int]]
    units: int
    open: int
    centres: list[tuple[WorkCentre, list[tuple[str, str]]]]


def area_lines(sites: list[Site]) -> list[AreaLine]:
    """Every area of these sites with the states of its units, wrong ones first. Five queries."""
    areas = list(
        Area.objects.filter(site__in=sites)
        .select_related("site")
        .prefetch_related(
            Prefetch("work_centres", WorkCentre.objects.order_by("position", "code"), to_attr="centres"),
            Prefetch(
                "centres__work_units",
                WorkUnit.objects.filter(active=True).order_by("position", "code"),
                to_attr="units",
            ),
        )
        .order_by("site", "position", "code")
    )
    found = WorkUnitState.objects.filter(until=None, work_unit__work_centre__area__in=areas)
    states = dict(found.values_list("work_unit_id", "state"))
    live = ExceptionRecord.objects.live().filter(area__in=areas, cleared_at=None)
    counted = dict(live.order_by().values("area").annotate(n=Count("pk")).values_list("area", "n"))
    lines = []
    for area in areas:
        centres: list[Any] = vars(area)["centres"]
        rows = [
            (centre, [(unit.code, states.get(unit.pk, "no_data")) for unit in vars(centre)["units"]])
            for centre in centres
        ]
        tally = Counter(state for _centre, units in rows for _code, state in units)
        lines.append(
            AreaLine(
                area=area,
                counts=[(state.value, state_words(state), tally[state]) for state in TILES if tally[state]],
                units=sum(tally.values()),
                open=counted.get(area.pk, 0),
                centres=rows,
            )
        )
    return lines
