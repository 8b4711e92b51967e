"""The gallery's template context, in the shapes the components' head comments promise."""

from datetime import timedelta
from typing import Any

from boards_app import drawing, wording
from tests.ui.gallery_floor import units
from tests.ui.gallery_moment import (
    NOW,
    WORDS,
    PartsForm,
    at,
    drawn,
    exception_rows,
    functions,
    marks,
    metrics,
    options,
    trend,
    with_lanes,
)


def context() -> dict[str, Any]:
    rows = functions()
    picture = drawn(rows)
    german = [
        {**row, "function": name, "person": "Maximiliane Oberhuber-Schwarzenberger"}
        for row, name in zip(
            rows,
            ("Instandhaltungsarbeitsvorbereitung", "Qualitätssicherung Wareneingang", "Kundenservice"),
            strict=False,
        )
    ]
    german_drawing = drawn(german)
    form = PartsForm({"reference": "", "reason": "a"})
    return {
        "keys": [
            ("j", "next"),
            ("k", "above"),
            ("↵", "open"),
            ("a", "acknowledge"),
            ("d", "decide"),
            ("r", "re-route"),
            ("/", "search"),
        ],
        "now": NOW,
        "opened": at("10:14"),
        "window_end": at("11:00"),
        "risk": 61400,
        "title": "CNC-04 down, spindle vibration, stopped mid cycle",
        "nav": {
            "site": "Rheinfelden",
            "company": "Kolbe Hydraulics",
            "counts": {"desk": 12, "inbox": 3, "sequence": 2},
            "bad": {"postings": 1},
            "live": "site.1 user.7",
            "shift": {"name": "Early shift", "starts_at": at("06:00"), "ends_at": at("14:00"), "share": 59},
            "views": [
                {"url": "#", "icon": icon, "words": words, "count": count, "on": not index}
                for index, (icon, words, count) in enumerate(
                    (
                        ("hourglass", "Worst first", 12),
                        ("circle-dot", "My decisions", 4),
                        ("bell", "Unacknowledged", 5),
                        ("refresh-cw", "Waiting for ERP", 2),
                    )
                )
            ],
        },
        "metrics": metrics(),
        "groups": exception_rows(),
        "options": options(),
        "text": WORDS,
        "marks": marks(),
        "facets": [
            {"words": "Open", "count": 12, "on": True, "url": "#"},
            {
                "words": "Type",
                "options": [
                    {"words": "Machine downtime", "count": 4, "url": "#"},
                    {"words": "Quality hold", "count": 2, "url": "#", "on": True},
                ],
            },
            {"words": "Area", "url": "#"},
            {"words": "Function waiting", "url": "#"},
        ],
        "rows": with_lanes(rows, picture),
        "drawing": picture,
        "german": with_lanes(german, german_drawing),
        "german_drawing": german_drawing,
        "steps": [
            {"words": "Open", "at": at("10:14"), "done": True},
            {"words": "Acknowledged", "at": at("10:19"), "now": True},
            {"words": "Decided"},
            {"words": "Resolved"},
            {"words": "Closed"},
        ],
        "condition": {"words": "Condition still there", "since": at("10:14")},
        "owner": "Jonas Keller",
        "owner_words": "Maintenance",
        "readings": [
            {"number": 1, "words": "Work unit", "value": "CNC-04", "sure": "sure"},
            {"number": 2, "words": "Symptom", "value": "Spindle vibration", "sure": "97 %"},
            {"number": 3, "words": "Since", "value": "10:00, about", "sure": "88 %"},
            {"number": 6, "words": "Good", "value": "22 of 48", "sure": "96 %"},
            {
                "number": 7,
                "words": "Scrap",
                "value": "1",
                "sure": "62 %",
                "low": True,
                "confirm_url": "/c/",
                "correct_url": "/d/",
            },
        ],
        "joined": [
            {"lead": "Joined by the machine’s own signal, 10:13:52:", "words": "alarm 1120, 7.1 mm/s"}
        ],
        "tasks": [
            {
                "id": 1,
                "words": "Set up CNC-06 with fixture B",
                "who": "Tomás Ruiz",
                "due_at": at("11:25"),
                "blocking": True,
                "done_url": "/tasks/1/",
            },
            {
                "id": 2,
                "words": "Secure part 23",
                "who": "Priya Nair",
                "done_at": at("10:40"),
                "blocking": True,
            },
        ],
        "postings": [
            {
                "id": 1,
                "words": "Maintenance notification, CNC-04 spindle",
                "status": "confirmed",
                "at": at("10:15"),
                "document": "10004512",
                "document_url": "#",
                "lag": 1,
            },
            {
                "id": 2,
                "words": "Work unit CNC-04 down from 10:14",
                "status": "unknown",
                "at": at("10:40"),
                "lag": 28,
                "lag_late": True,
            },
            {
                "id": 3,
                "words": "Goods movement, 36 pcs to blocked",
                "status": "rejected",
                "at": at("10:41"),
                "lag": 27,
                "cause": "Item VB-220 is locked for stocktaking until 23:40.",
            },
            {
                "id": 4,
                "words": "Confirm op 30: 22 good, 1 scrap",
                "status": "waits",
                "next": "goes second",
                "lag": None,
            },
        ],
        "events": [
            {
                "at": at("10:40"),
                "icon": "search",
                "text": "ERP did not answer in 30 s. Looking up before any retry",
            },
            {
                "at": at("10:39"),
                "icon": "octagon-alert",
                "tone": "crit",
                "text": "Customer service over its limit, passed to Elif Aksoy",
                "note": "level 2, phone and push",
            },
            {
                "at": at("10:33"),
                "icon": "message-square",
                "who": "Jonas Keller",
                "text": "“Front bearing gone, have the part. 3 h with run-in, 14:10 at best”",
                "note": "photo",
            },
            {
                "at": at("10:14"),
                "icon": "flag",
                "text": "Opened from Piotr Nowak’s report and the machine’s alarm 1120, routed by rule 12",
            },
        ],
        "links": [
            {
                "icon": "cog",
                "words": "CNC-04",
                "url": "#",
                "more": "5-axis milling",
                "note": "down since 10:14, third spindle stop in 60 days",
            },
            {
                "icon": "layers",
                "words": "WO-118204",
                "url": "#",
                "more": "op 30, valve body VB-220",
                "note": "22 of 48 done, 25 to make, 1 suspect",
            },
            {
                "icon": "file-pen",
                "words": "SO 40017733",
                "url": "#",
                "more": "line 10, Alstrand Rail",
                "note": "48 pcs promised Wed 18 Nov 12:00, tier A",
            },
        ],
        "why_lead": "Rule 12: a machine in 5-axis milling is down and a tier A promise is under 48 h.",
        "why": [
            {"held": True, "words": "type downtime, work centre 5-axis milling"},
            {"held": True, "words": "Alstrand Rail is tier A, 25 h 18 to promise"},
            {"held": False, "words": "rule 9 did not match: no safety word found"},
        ],
        "units": units(),
        "tiles": [
            {"state": "", "words": "All units", "count": 12, "url": "#", "on": True},
            *(
                {"state": state, "words": wording.ANDON_SHORT.get(state, look.words), "count": 1, "url": "#"}
                for state, look in wording.ANDON.items()
                if state != "safety"
            ),
        ],
        "rec": {
            "id": 7,
            "state": "proposed",
            "order": "WO-118204",
            "item": "Valve body VB-220, op 30, 25 pieces, from CNC-04",
            "start": at("11:25"),
            "effects": [
                {"icon": "check-check", "words": "Keeps 3 promises, Alstrand and Norrland", "strong": True},
                {"icon": "wrench", "words": "Fixture B stays on, set-up 25 min"},
                {"icon": "arrow-down", "words": "WO-118231 for stock starts 3 h later"},
            ],
        },
        "symptoms": [
            ("monitor-x", "Alarm on control", "scan or read the number"),
            ("activity", "Noise, vibration", "3 times in 60 days"),
            ("drill", "Tool broke", ""),
            ("hand", "Clamping fails", ""),
            ("droplets", "Coolant, oil, air", ""),
            ("unplug", "No power, no control", ""),
            ("door-open", "Changer, door", ""),
            ("circle-help", "Something else", "speak or type"),
        ],
        "cards": [
            {
                "id": 1,
                "ref": "EX-2026-004217",
                "url": "#",
                "title": "CNC-04 down, part 23 suspect",
                "note": "Alstrand Rail, WO-118204, promised Wed 12:00",
                "ask": "Check the part left in the machine: good, rework or scrap?",
                "due_at": at("10:46"),
                "limit_minutes": 15,
                "state": "over",
                "foot": "4th of 5 functions. At 10:46 it goes to Stefan Roth.",
                "acknowledge_url": "/a/",
                "way_url": "/w/",
                "decline_url": "/d/",
            },
            {
                "id": 2,
                "ref": "EX-2026-004206",
                "url": "#",
                "title": "Norrland wants 24 pcs earlier",
                "note": "First article release by Wed 18 Nov?",
                "due_at": at("11:04"),
                "limit_minutes": 30,
                "acknowledge_url": "/a/",
            },
        ],
        "in_18": at("11:00"),
        "in_33": NOW + timedelta(minutes=33),
        "in_130": NOW + timedelta(minutes=130),
        "in_4": at("10:46"),
        "past": at("10:39"),
        "andons": list(wording.ANDON),
        "posting_states": list(wording.POSTING),
        "form": form,
        "choices": [("stopped", "Stopped"), ("slow", "Still runs, slow"), ("intermittent", "On and off")],
        "trend": trend(),
        "bars": drawing.bars(
            [
                ("Material", 131, ""),
                ("Downtime", 104, ""),
                ("Quality", 71, ""),
                ("Order change", 52, ""),
                ("Labour", 33, ""),
                ("Other", 12, ""),
            ],
            top=2,
        ),
        "sheets": [
            "andon",
            "desk",
            "exception",
            "alignment",
            "options",
            "postings",
            "charts",
            "station",
            "inbox",
        ],
    }
