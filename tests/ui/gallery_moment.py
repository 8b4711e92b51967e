"""The plant moment of the gallery: Rheinfelden, Tuesday 17 November 2026, 10:42, CNC-04 down. Invented data only."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from boards_app import drawing, wording

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 17, 10, 42, 8, tzinfo=ZONE)
WORDS = (
    "CNC-04 spindle making grinding noise since about 10, alarm 1120 vibration, stopped it mid cycle on the Alstrand "
    "valve bodies. 22 done, 1 in the machine maybe scrap. Need maintenance, won’t be quick"
)


def at(text: str) -> datetime:
    hour, minute = text.split(":")
    return NOW.replace(hour=int(hour), minute=int(minute), second=0)


def marks() -> list[wording.Mark]:
    spans = (
        ("CNC-04", 1),
        ("grinding noise", 2),
        ("about 10", 3),
        ("alarm 1120 vibration", 2),
        ("22 done", 6),
    )
    found = [
        wording.Mark(WORDS.index(words), WORDS.index(words) + len(words), number) for words, number in spans
    ]
    unsure = "1 in the machine maybe scrap"
    return [*found, wording.Mark(WORDS.index(unsure), WORDS.index(unsure) + len(unsure), 7, low=True)]


def functions() -> list[dict[str, Any]]:
    def row(
        name: str, person: str, said: str, told: str, ack: str = "", minutes: int = 15, **more: Any
    ) -> dict[str, Any]:
        told_at, due = at(told), at(told) + timedelta(minutes=minutes)
        acknowledged = at(ack) if ack else None
        took = (acknowledged - told_at) if acknowledged else None
        return {
            "function": name,
            "person": person,
            "said": said,
            "told_at": told_at,
            "due_at": due,
            "took": took,
            "limit_minutes": minutes,
            "acknowledged_at": acknowledged,
            **more,
        }

    return [
        row(
            "Customer service",
            "Marta Silva",
            "seen 10:26",
            "10:24",
            state="over",
            above="told 10:24, commit date hit",
            below="10:39 passed to Elif Aksoy",
        ),
        row(
            "Quality",
            "Priya Nair",
            "seen 10:38",
            "10:31",
            state="soon",
            above="told 10:31, suspect part",
            below="limit 10:46",
        ),
        row("Maintenance", "Jonas Keller", "on site", "10:14", "10:19", doing="acting"),
        row("Production", "Tomás Ruiz", "line lead", "10:14", "10:16", doing="acting"),
        row("Planning", "Ingrid Vogel", "decides", "10:14", "10:21", minutes=15, doing="deciding"),
    ]


def drawn(rows: list[dict[str, Any]]) -> drawing.Alignment:
    answers = [drawing.Answer(row["told_at"], row["due_at"], row["acknowledged_at"]) for row in rows]
    return drawing.alignment(start=at("10:14"), now=NOW, answers=answers, zone=ZONE)


def with_lanes(rows: list[dict[str, Any]], picture: drawing.Alignment) -> list[dict[str, Any]]:
    return [{**row, "lane": lane} for row, lane in zip(rows, picture.lanes, strict=True)]


def chips(text: str) -> list[dict[str, str]]:
    shorts = {
        "PR": "production",
        "MT": "maintenance",
        "PL": "planning",
        "QA": "quality",
        "CS": "customer_service",
        "PC": "procurement",
        "LG": "logistics",
    }
    states = {"!": "over", "?": "wait", "~": "soon"}
    return [{"function": shorts[word[:2]], "state": states.get(word[2:], "")} for word in text.split()]


def exception_rows() -> list[dict[str, Any]]:
    def row(
        ref: str, icon: str, title: str, note: str, left: int, risk: str, more: str, who: str, **rest: Any
    ) -> dict[str, Any]:
        end = NOW + timedelta(minutes=left) if left else None
        return {
            "ref": f"EX-2026-00{ref}",
            "url": "#",
            "icon": icon,
            "title": title,
            "note": f"{ref}, {note}",
            "until": end,
            "since": NOW - timedelta(minutes=40),
            "risk": risk,
            "risk_note": more,
            "owner": who,
            "owner_words": rest.pop("role", "Maintenance"),
            **rest,
        }

    return [
        {
            "words": "Window under 1 h",
            "note": "3, decide before the next operation starts",
            "rows": [
                row(
                    "4217",
                    "power",
                    "CNC-04 down, spindle vibration",
                    "WO-118204, 28 min",
                    18,
                    "3 promises",
                    "€61,400",
                    "Jonas Keller",
                    chips=chips("PR MT PL QA~ CS!"),
                ),
                row(
                    "4213",
                    "package-x",
                    "AL-2 short of 120 seal kits",
                    "SK-118, WO-118188, 51 min",
                    33,
                    "2 promises",
                    "€38,900",
                    "Lena Fischer",
                    role="Procurement",
                    chips=chips("PR PC LG PL"),
                ),
                row(
                    "4219",
                    "shield-alert",
                    "GRD-02 groove depth, 36 held",
                    "lot L26-4471, 6 min",
                    51,
                    "1 promise",
                    "€12,250",
                    "Priya Nair",
                    role="Quality",
                    new=True,
                    chips=chips("QA PR? PL?"),
                ),
            ],
        },
        {
            "words": "Later this shift",
            "note": "4",
            "rows": [
                row(
                    "4206",
                    "file-pen",
                    "Norrland wants 24 earlier",
                    "SO 40017802, 1 h 55",
                    130,
                    "1 promise",
                    "€18,600",
                    "Marta Silva",
                    role="Customer service",
                    chips=chips("CS PL PR? QA?"),
                ),
                row(
                    "4215",
                    "package-x",
                    "CNC-02 waits for castings",
                    "pallet not found, 17 min",
                    165,
                    "1 promise",
                    "€9,480",
                    "Daniel Okafor",
                    role="Logistics",
                    chips=chips("PR LG PL"),
                ),
                row(
                    "4209",
                    "power",
                    "TRN-02 chuck pressure low",
                    "cleared 10:05, one task left",
                    0,
                    "None",
                    "kept",
                    "Jonas Keller",
                    word="Running",
                    chips=chips("PR MT PL"),
                ),
            ],
        },
        {
            "words": "Later",
            "note": "5, two wait for ERP",
            "rows": [
                row(
                    "4201",
                    "shield-alert",
                    "Porosity, return to supplier",
                    "lot L26-4388, decided 07:16",
                    0,
                    "Refused",
                    "3 h 26",
                    "Priya Nair",
                    role="Quality",
                    word="ERP",
                    risk_bad=True,
                    chips=chips("QA PC PR"),
                ),
                row(
                    "4220",
                    "mail",
                    "“Verzögerung Lieferung”",
                    "mail from Dichtwerk, 3 min",
                    0,
                    "Unknown",
                    "to read",
                    "Ingrid Vogel",
                    role="Planning",
                    word="Triage",
                    chips=chips("PL?"),
                ),
                row(
                    "4195",
                    "file-pen",
                    "Drawing VB-180 rev D released",
                    "2 orders not started",
                    1260,
                    "1 promise",
                    "€7,150",
                    "Ingrid Vogel",
                    role="Planning",
                    chips=chips("PL QA? PR?"),
                ),
            ],
        },
    ]


def options() -> list[dict[str, Any]]:
    return [
        {
            "code": "alternate",
            "key": "1",
            "name": "Run on CNC-06",
            "picked": True,
            "possible": True,
            "lapses_soon": True,
            "lapses": "possible for 18 min, until 11:00",
            "promises": "All 3 kept",
            "short": "0 of 3",
            "promise_lines": ["WO-118204 ready Wed 09:10, due 12:00"],
            "orders": "WO-118231 (stock) 3 h later",
            "cost": "€1,275",
            "cost_lines": "stop 545, set-up 190, part 540",
            "who": "Tomás Ruiz sets up CNC-06 by 11:25. Jonas Keller repairs CNC-04 by 14:10",
            "postings": ["Confirm 22 good, 1 scrap", "Move op 30 to CNC-06", "Stop cost to CNC-04"],
        },
        {
            "code": "repair",
            "key": "2",
            "name": "Repair and resume",
            "possible": True,
            "lapses": "always possible",
            "promises": "1 of 3 moves",
            "short": "1 of 3",
            "promise_lines": ["SO 40017733 Wed to Thu 19"],
            "orders": "WO-118204 4 h 30 late",
            "cost": "€2,150",
            "cost_lines": "stop 1,610, part 540",
            "who": "Jonas Keller by 14:10. Marta Silva tells Alstrand Rail",
            "postings": ["Confirm 22 good, 1 scrap", "Op 30 and commit date", "Stop cost to CNC-04"],
        },
        {
            "code": "defer",
            "key": "3",
            "name": "Defer to tomorrow",
            "possible": True,
            "lapses": "possible until 13:00",
            "promises": "2 of 3 move",
            "short": "2 of 3",
            "promise_lines": ["SO 40017733 Wed to Fri 20", "SO 40017791 Thu to Fri 20"],
            "orders": "WO-118204, 118226 one day later",
            "cost": "€4,810",
            "cost_lines": "stop 1,610, penalty 3,200",
            "who": "Jonas Keller by 18:00. Marta Silva tells Alstrand Rail",
            "postings": ["Confirm 22 good, 1 scrap", "2 orders, 2 commit dates"],
        },
    ]


class PartsForm(forms.Form):
    reference = forms.CharField(help_text="As on the traveller.", max_length=20)
    reason = forms.ChoiceField(choices=[("a", "Machine free"), ("b", "Material not here")])
    note = forms.CharField(widget=forms.Textarea, required=False)


def trend() -> drawing.Trend:
    values = (860, 830, 842, 700, 610, 540, 455, 400)
    months = [
        (name, value, wording.span(value))
        for name, value in zip(("Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct"), values, strict=True)
    ]
    return drawing.trend(months, before=842, switch=3, switch_words="routing on")


def metrics() -> list[dict[str, Any]]:
    falling, rising = [20, 18, 21, 15, 16, 12, 13, 8, 6], [7, 8, 7, 11, 10, 14, 13, 17, 18]
    return [
        {"words": "Exception resolution, median", "minutes": 312, "before": "Oct 6 h 40", "values": falling},
        {
            "words": "Alignment across functions, median",
            "minutes": 24,
            "before": "Oct 31 min",
            "values": falling,
        },
        {
            "words": "ERP posting lag, median",
            "minutes": 9,
            "before": "Oct 14 min",
            "extra": "oldest 3 h 26",
            "values": [12, 13, 11, 12, 17, 21, 19, 14, 11],
        },
        {
            "words": "Resolved at first pass",
            "minutes": None,
            "share": 78,
            "before": "Oct 74 %",
            "values": rising,
        },
    ]
