"""How well the reader reads, as the triage desk shows it: figures, weeks, types, channels, rules, and what to mend.

Wording and drawing only; the counting lies in `exceptions_app`.
"""

from dataclasses import dataclass
from typing import Any

from boards_app import drawing, wording
from exceptions_app.models import (
    ALWAYS_ASKED,
    Acceptance,
    Channel,
    CueStatus,
    LearnedAlias,
    ModelStatus,
    PlantCue,
    ReaderModel,
)
from exceptions_app.services.learning.accuracy import ENOUGH, Accuracy, Cell, Tally, accuracy_of
from plant_app.models import ExceptionType, Site, User
from plant_app.selectors import can

UNKNOWN = "Type unknown"


@dataclass(frozen=True)
class Figure:
    """One of the shares at the head: its words, value, and the weeks behind it."""

    words: str
    value: str
    note: str
    line: list[float | None]


def accuracy_page(site: Site, user: User) -> dict[str, Any]:
    """Everything the page shows. Seven queries."""
    found = accuracy_of(site)
    names = dict(ExceptionType.objects.values_list("code", "name"))
    channels = dict(Channel.choices)
    models = list(ReaderModel.objects.filter(site=site).defer("data").select_related("promoted_by")[:6])
    return {
        "found": found,
        "figures": _figures(found),
        "weeks": drawing.bars(
            (f"{monday:%d.%m.}", 100 * (tally.unchanged_share or 0), _percent(tally.unchanged_share))
            for monday, tally in found.weeks
        ),
        "types": _bars({names.get(code, UNKNOWN): tally for code, tally in found.types.items()}),
        "channels": _bars({channels.get(code, code): tally for code, tally in found.channels.items()}),
        "cells": [_row(cell, names, channels) for cell in found.cells[:40]],
        "ready": [
            f"{names.get(one.type_code, UNKNOWN)} by {channels[one.channel]}: {one.tally.unchanged} of "
            f"{one.tally.count} right, may open by itself"
            for one in found.cells
            if one.ready
        ],
        "mend": _mend(found.mend, names, channels),
        "enough": ENOUGH,
        "may_switch": can(user, "plant.edit", site.pk) or can(user, "exception.merge", site.pk),
        "models": models,
        "in_use": next((one for one in models if one.status == ModelStatus.PROMOTED), None),
        "modes": Acceptance.choices,
        "proposals": proposals(site),
    }


def proposals(site: Site | None) -> int:
    """Plant words that wait for a person. One query."""
    return PlantCue.objects.filter(site=site, status=CueStatus.PROPOSED).count() if site else 0


def words_page(site: Site) -> dict[str, Any]:
    """Names and plant words of a site: what waits first. Three queries."""
    names = LearnedAlias.objects.filter(site=site).select_related(
        "created_by", "withdrawn_by", "origin__signal"
    )
    cues = PlantCue.objects.filter(site=site).select_related("type", "settled_by")
    return {
        "names": list(names.order_by("-active", "-created_at")[:100]),
        "proposed": list(cues.filter(status=CueStatus.PROPOSED).order_by("-count", "key")[:50]),
        "cues": list(cues.exclude(status=CueStatus.PROPOSED).order_by("status", "key")[:100]),
    }


def _figures(found: Accuracy) -> list[Figure]:
    whole = found.whole
    return [
        Figure("Accepted as read", _percent(whole.unchanged_share), f"{whole.unchanged} of {whole.count} messages",
               [_line(tally.unchanged_share) for _, tally in found.weeks]),
        Figure("Type right", _percent(whole.type_share), f"{whole.type_right} of {whole.type_asked}",
               [_line(tally.type_share) for _, tally in found.weeks]),
        Figure("Links right", _percent(whole.links_share), f"{whole.links_right} of {whole.links_asked}",
               [_line(tally.links_share) for _, tally in found.weeks]),
        Figure("Nothing to do", _percent(whole.dismissed / whole.count if whole.count else None),
               f"{whole.dismissed} dismissed", []),
    ]  # fmt: skip


def _line(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{round(100 * share)} %"


def _bars(groups: dict[str, Tally]) -> list[drawing.Bar]:
    rows = [
        (f"{name} ({tally.count})", 100 * (tally.unchanged_share or 0), _percent(tally.unchanged_share))
        for name, tally in groups.items()
    ]
    return drawing.bars(rows[:10])


def _row(cell: Cell, names: dict[str, str], channels: dict[str, str]) -> dict[str, Any]:
    return {
        "type": names.get(cell.type_code, UNKNOWN),
        "type_code": cell.type_code,
        "channel": channels.get(cell.channel, cell.channel),
        "channel_code": cell.channel,
        "count": cell.tally.count,
        "unchanged": _percent(cell.tally.unchanged_share),
        "type_right": _percent(cell.tally.type_share),
        "links_right": _percent(cell.tally.links_share),
        "mode": cell.mode,
        "ready": cell.ready,
        "fixed": cell.type_code not in names or cell.type_code == "unsorted",
        "never": cell.type_code in ALWAYS_ASKED,
    }


def _mend(cell: Cell | None, names: dict[str, str], channels: dict[str, str]) -> str:
    if cell is None:
        return ""
    wrong = cell.tally.count - cell.tally.unchanged
    what = "type" if (cell.tally.type_share or 0) < (cell.tally.links_share or 1) else "links"
    return (
        f"{names.get(cell.type_code, UNKNOWN)} by {channels.get(cell.channel, cell.channel)}: {wrong} of "
        f"{wording.quantity(cell.tally.count)} were put right, mostly the {what}."
    )
