"""The pages of a census: its files, how far it is read, and what it counted, in words and bars."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum

from boards_app import drawing
from boards_app.selectors.frame import Frame
from exceptions_app.census.files import table_of
from exceptions_app.census.tables import ROLES, guess
from exceptions_app.models import Census, CensusEntry, CensusFile, CensusKind
from metrics_app.models import Baseline
from plant_app.models import ExceptionType, User

MOST_CENSUSES = 50
SAMPLE_ROWS = 4
PER_PAGE = 50
#: What a column of a list is called on the page, in the order they are asked.
ROLE_WORDS = {
    "start": "began (date)", "start_time": "began (time)", "end": "ended (date)", "end_time": "ended (time)",
    "date": "date", "time": "time", "minutes": "minutes it took", "hours": "hours it took", "text": "description",
    "work_unit": "machine", "work_centre": "work centre", "work_order": "work order", "item": "item",
    "reason": "reason or code", "sender": "person", "id": "number of the entry",
}  # fmt: skip


@dataclass(frozen=True)
class ListFile:
    """A list whose columns can be said: its headings, what each is taken for, and some rows."""

    file: CensusFile
    headings: list[tuple[int, str, str]]
    rows: list[list[str]]
    problem: str


def censuses_of(frame: Frame) -> list[Census]:
    """The censuses of the reader's sites, newest first. One query."""
    sites = [frame.site] if frame.site else list(frame.sites)
    rows = Census.objects.filter(site__in=sites).select_related("site", "created_by")
    return list(rows.annotate(file_count=Count("files"))[:MOST_CENSUSES])


def draft_page(census: Census) -> dict[str, Any]:
    """Files of a draft; a list with its columns and what they are taken for."""
    files = list(census.files.all())
    lists = [_list_file(file) for file in files if file.kind == CensusKind.TABLE]
    return {"files": files, "lists": {one.file.pk: one for one in lists}, "roles": list(ROLE_WORDS.items())}


def _list_file(file: CensusFile) -> ListFile:
    with file.file.open("rb") as stored:
        table = table_of(stored.read())
    columns = file.columns or guess(table.headings)
    taken = {column: role for role, column in columns.items() if role in ROLES}
    return ListFile(
        file=file,
        headings=[(number, words, taken.get(number, "")) for number, words in enumerate(table.headings)],
        rows=[list(row) for row in table.rows[:SAMPLE_ROWS]],
        problem=table.problem,
    )


def result_page(census: Census) -> dict[str, Any]:
    """What it counted. Five queries however large it is."""
    figures = census.figures
    types = {one.code: one for one in ExceptionType.objects.all()}
    people = _people(census, figures)
    examples = {
        row.pk: row
        for row in CensusEntry.objects.filter(
            census=census, pk__in=[pk for one in figures["types"] for pk in one["examples"]]
        )
    }
    whole = sum(one["hours"] for one in figures["types"]) or 1.0
    rows, running = [], 0.0
    for one in figures["types"]:
        running += one["hours"]
        type_ = types.get(one["type_code"])
        rows.append(
            {
                **one,
                "name": type_.name if type_ else one["type_code"], "icon": type_.icon if type_ else "circle-help",
                "running": round(100 * running / whole), "first": one["type_code"] in figures["first"],
                "switched_on": bool(type_ and type_.active), "sure_percent": round(100 * one["sure"]),
                "who": [(name, count, people.get(name, "")) for name, count in one["senders"]],
                "said": [examples[pk] for pk in one["examples"] if pk in examples],
            }
        )  # fmt: skip
    zone = ZoneInfo(census.site.timezone)
    return {
        "figures": figures,
        "rows": rows,
        "first": [row for row in rows if row["first"]],
        "covers": round(100 * figures["covers"]),
        "by_hours": drawing.bars([(row["name"], row["hours"], _hours(row)) for row in rows], top=5),
        "by_count": drawing.bars(
            sorted(
                ((row["name"], float(row["events"]), str(row["events"])) for row in rows),
                key=lambda row: -row[1],
            ),
            top=5,
        ),
        "began": _day(figures.get("began"), zone),
        "ended": _day(figures.get("ended"), zone),
        "baseline": Baseline.objects.filter(origin_ref=f"census:{census.pk}").first(),
        "files": list(census.files.all()),
        "skipped": census.files.aggregate(all=Sum("skipped"))["all"] or 0,
    }


def _hours(row: dict[str, Any]) -> str:
    """ "14 h", with a mark where more than half of it is estimated."""
    words = f"{row['hours']:.0f} h" if row["hours"] >= 10 else f"{row['hours']:.1f} h"
    return f"about {words}" if row["estimated_hours"] > row["measured_hours"] else words


def _day(moment: str | None, zone: ZoneInfo) -> Any:
    return datetime.fromisoformat(moment).astimezone(zone).date() if moment else None


def _people(census: Census, figures: dict[str, Any]) -> dict[str, str]:
    """Sender as written -> function, where exactly one person of the site goes by that name, phone or address."""
    names = {name for one in figures["types"] for name, _ in one["senders"]}
    known: dict[str, set[str]] = {}
    rows = User.objects.filter(is_active=True, function__isnull=False).values_list(
        "first_name", "last_name", "username", "email", "phone", "function__name"
    )
    for first, last, username, email, phone, function in rows:
        for word in (
            f"{first} {last}",
            f"{last} {first}",
            first,
            last,
            username,
            email,
            "".join(phone.split()),
        ):
            if word.strip():
                known.setdefault(word.strip().lower(), set()).add(function)
    found = {}
    for name in names:
        functions = known.get(name.lower()) or known.get("".join(name.split())) or set()
        if len(functions) == 1:
            found[name] = next(iter(functions))
    return found


def entries_page(census: Census, *, type_code: str, number: int) -> dict[str, Any]:
    """The entries behind a bar, the surest first; `type_code` "-" is what nobody could tell, "0" what was nothing."""
    rows = CensusEntry.objects.filter(census=census)
    if type_code == "0":
        rows = rows.filter(type_code="", intent__in=("chatter", "planned", "recovery", "future"))
    elif type_code == "-":
        rows = rows.filter(type_code="").exclude(intent__in=("chatter", "planned", "recovery", "future"))
    else:
        rows = rows.filter(type_code=type_code)
    start = (number - 1) * PER_PAGE
    found = list(rows.select_related("file").order_by("-confidence", "pk")[start : start + PER_PAGE + 1])
    return {
        "entries": found[:PER_PAGE], "more": number + 1 if len(found) > PER_PAGE else 0, "type_code": type_code,
        "earlier": number - 1,
    }  # fmt: skip
