"""The evaluation: the gold set is what it was, the figures are right, and nothing of a run is left behind."""

import hashlib
import io
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from exceptions_app.models import ExceptionRecord, Interpretation, Signal, Source
from exceptions_app.reading.normalise import normalise
from exceptions_app.reading.types import FieldReading, Reading
from exceptions_app.services.channels.index import current_index
from exceptions_app.services.evaluation import (
    Answer,
    BadGold,
    GoldMessage,
    evaluate,
    read_gold,
    read_master,
    score,
)
from exceptions_app.services.evaluation.gold import LINKS, TYPES
from plant_app.models import Customer, Item, MasterChange, Site, User, WorkUnit
from tests.plant_fixtures import KolbeMini

FOLDER = Path(__file__).resolve().parents[2] / "evaluation" / "capture"
PLANTS = ("brandt", "ebro")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SMALL: dict[str, Any] = {
    "site": {"code": "NORD", "name": "Nordwerk", "timezone": "Europe/Berlin", "language": "de"},
    "areas": [{"code": "PRS", "name": "Press shop"}],
    "work_centres": [{"code": "PRS-1", "name": "Press line 1", "area": "PRS", "aliases": ["line 1"]}],
    "work_units": [
        {"code": "PRESS-04", "name": "Schuler 400t", "work_centre": "PRS-1", "aliases": ["press 4"]},
        {"code": "PRESS-05", "name": "Weingarten 250t", "work_centre": "PRS-1", "aliases": ["press 5"]},
    ],
    "items": [{"code": "BRK-2210", "name": "Bracket left", "uom": "pcs"}],
    "work_orders": [{"code": "WO-104233", "item": "BRK-2210", "quantity": 1200, "work_centre": "PRS-1"}],
    "sales_orders": [
        {"code": "SO-55120", "line": line, "customer": "CU-100", "item": "BRK-2210", "quantity": 600,
         "due": "2026-11-26"}
        for line in (10, 20)
    ],
    "customers": [{"code": "CU-100", "name": "Hansen Trailers", "tier": "A"}],
    "people": [{"code": "P-31", "name": "Ana Ruiz", "function": "production", "email": "ana@example.com"}],
}  # fmt: skip


def _lines(*rows: dict[str, Any]) -> list[str]:
    return [json.dumps(row) for row in rows]


def _gold(*rows: dict[str, Any]) -> list[GoldMessage]:
    return read_gold(_lines(*rows), zone=BERLIN, now=NOW)[0]


def _files(folder: Path, rows: list[str], master: Any = SMALL, name: str = "gold.jsonl") -> tuple[str, str]:
    (folder / name).write_text("\n".join(rows), encoding="utf-8")
    (folder / "master.json").write_text(json.dumps(master), encoding="utf-8")
    return str(folder / name), str(folder / "master.json")


def _run(gold: str, master: str, **options: Any) -> tuple[str, str]:
    out, errors = io.StringIO(), io.StringIO()
    call_command("evaluate_capture", gold, master=master, stdout=out, stderr=errors, **options)
    return out.getvalue(), errors.getvalue()


# --- the gold set ---


def test_the_gold_set_is_as_it_was_frozen() -> None:
    sums = dict(
        reversed(line.split("  "))
        for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
        if re.fullmatch(r"[0-9a-f]{64}  \S+", line)
    )
    files = sorted(FOLDER.glob("*.json*"))
    assert len(files) == 6
    assert sums == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_gold_set_covers_types_languages_and_channels_and_its_labels_name_real_rows() -> None:
    types: Counter[str | None] = Counter()
    languages: Counter[str] = Counter()
    channels: set[str] = set()
    texts: set[str] = set()
    for plant in PLANTS:
        master = read_master(json.loads((FOLDER / f"{plant}.master.json").read_text(encoding="utf-8")))
        assert master.warnings == []
        assert len(master.codes("work_unit")) >= 25
        for part in ("dev", "held_out"):
            lines = (FOLDER / f"{plant}.{part}.jsonl").read_text(encoding="utf-8").splitlines()
            messages, warnings = read_gold(lines, zone=master.zone, now=NOW)
            assert warnings == []
            for message in messages:
                types[message.type] += 1
                languages[message.language] += 1
                channels.add(message.channel)
                assert message.text not in texts
                texts.add(message.text)
                for kind, codes in message.links.items():
                    assert codes <= master.codes(kind), message.id
                occurred = message.values.get("occurred_at")
                assert occurred is None or occurred <= message.received_at
                assert not message.reporter or message.reporter in master.codes("person")
    assert sum(types.values()) >= 420
    assert set(types) == set(TYPES)
    assert min(types.values()) >= 25
    assert len(languages) == 5
    assert min(languages.values()) >= 60
    assert len(channels) == 9


# --- files of others ---


def test_what_a_line_leaves_out_is_filled_in_and_what_it_has_too_much_is_a_warning() -> None:
    messages, warnings = read_gold(
        ['{"expect": {}}', "", '{"expect": {"type": "engineering_change", "mood": 1}, "author": "x"}'],
        zone=BERLIN,
        now=NOW,
    )

    bare, more = messages
    assert (bare.line, bare.id, bare.channel, bare.received_at, bare.text) == (1, "1", "api", NOW, "")
    assert (bare.type, bare.links, bare.values) == (None, {}, {})
    assert (more.line, more.type) == (3, "other")
    assert [(one.line, one.code) for one in warnings] == [(3, "gold.unknown_key"), (3, "gold.unknown_key")]


def test_labels_become_sets_of_codes_numbers_moments_and_days() -> None:
    (message,) = _gold(
        {
            "received_at": "2026-11-23T09:42:00",
            "expect": {
                "work_unit": ["A", "B"], "item": None, "lot": "L-1", "quantity": "12.50", "uom": None,
                "occurred_at": "2026-11-23T08:30:00Z", "requested_date": "2026-11-30T23:30:00Z",
            },
        }
    )  # fmt: skip

    assert message.received_at == datetime(2026, 11, 23, 8, 42, tzinfo=UTC)
    assert message.links == {"work_unit": {"A", "B"}, "item": frozenset(), "lot": {"L-1"}}
    assert message.values == {
        "quantity": Decimal("12.5"),
        "uom": None,
        "occurred_at": datetime(2026, 11, 23, 8, 30, tzinfo=UTC),
        "requested_date": date(2026, 12, 1),
    }


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", "gold.json"),
        ("[]", "gold.json"),
        ('{"text": "x"}', "gold.expect"),
        ('{"expect": {"type": "broken"}}', "gold.type"),
        ('{"expect": {"type": null}}', "gold.type"),
        ('{"channel": "fax", "expect": {}}', "gold.channel"),
        ('{"channel": 5, "expect": {}}', "gold.channel"),
        ('{"received_at": "yesterday", "expect": {}}', "gold.received_at"),
        ('{"text": 7, "expect": {}}', "gold.text"),
        ('{"expect": {"item": {}}}', "gold.link"),
        ('{"expect": {"item": [true]}}', "gold.link"),
        ('{"expect": {"quantity": "many"}}', "gold.number"),
        ('{"expect": {"quantity": true}}', "gold.number"),
        ('{"expect": {"quantity": "NaN"}}', "gold.number"),
        ('{"expect": {"severity": "awful"}}', "gold.severity"),
        ('{"expect": {"occurred_at": 5}}', "gold.occurred_at"),
        ('{"expect": {"requested_date": "soon"}}', "gold.requested_date"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_code(line: str, code: str) -> None:
    with pytest.raises(BadGold) as caught:
        read_gold(['{"expect": {}}', line], zone=BERLIN, now=NOW)

    assert [(problem.line, problem.code) for problem in caught.value.problems] == [(2, code)]


def test_every_bad_line_is_told_at_once_and_the_command_ends_with_2(tmp_path: Path) -> None:
    gold, master = _files(tmp_path, ["{", '{"expect": {}}', '{"expect": 1}'])

    with pytest.raises(CommandError) as caught:
        _run(gold, master, json=True)

    assert caught.value.returncode == 2
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        ["line 1", "gold.json"],
        ["line 3", "gold.expect"],
    ]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], "master.json"),
        ({}, "master.site"),
        ({"site": {"code": "X", "timezone": "Mars/North"}}, "master.timezone"),
        ({"site": {"code": "X"}, "items": {}}, "master.items"),
        ({"site": {"code": "X"}, "items": [{"name": "no code"}]}, "master.items"),
        ({"site": {"code": "X"}, "work_units": [{"code": "U" * 21}]}, "master.work_units"),
    ],
)
def test_master_data_that_is_none_is_refused_with_a_code(document: Any, code: str) -> None:
    with pytest.raises(BadGold) as caught:
        read_master(document)

    assert [problem.code for problem in caught.value.problems] == [code]


def test_misses_of_a_held_out_file_are_refused(tmp_path: Path) -> None:
    gold, master = _files(tmp_path, ['{"expect": {}}'], name="plant.held_out.jsonl")

    with pytest.raises(CommandError, match="held out"):
        _run(gold, master, misses=True)


# --- a run ---

DOWN = {
    "id": "m1", "channel": "whatsapp", "lang": "en", "received_at": "2026-11-23T09:42:00+01:00", "reporter": "P-31",
    "text": "press 4 is down since 9.30, hydraulic leak",
    "expect": {"type": "machine_downtime", "work_unit": "PRESS-04", "occurred_at": "2026-11-23T09:30:00+01:00"},
}  # fmt: skip
THANKS = {
    "id": "m2", "channel": "sms", "received_at": "2026-11-23T09:50:00+01:00", "text": "ok thanks",
    "expect": {"type": "none", "work_unit": None},
}  # fmt: skip


@pytest.mark.django_db
def test_one_json_object_and_nothing_else(tmp_path: Path) -> None:
    gold, master = _files(tmp_path, _lines(DOWN, {**THANKS, "mood": "good"}))

    out, errors = _run(gold, master, json=True)

    found = json.loads(out)
    assert found.pop("cpu_ms").keys() == {"p50", "p95"}
    assert found == {
        "messages": 2,
        "type": {"macro_f1": 1.0, "accuracy": 1.0},
        "links": {"precision": 1.0, "recall": 1.0},
        "values": {"occurred_at": 1.0, "all": 1.0},
        "none": {"wrongly_opened": 0.0},
        "auto": {"share": 1.0, "error": 0.0},
    }
    assert errors.strip() == "warning: line 2: gold.unknown_key: mood is not known and not scored"


@pytest.mark.django_db
def test_the_figures_as_text_and_the_misses(tmp_path: Path) -> None:
    wrong = {**DOWN, "expect": {**DOWN["expect"], "work_unit": "PRESS-05"}}
    gold, master = _files(tmp_path, _lines(wrong, THANKS))

    out, _ = _run(gold, master, misses=True)

    assert re.search(r"^machine_downtime +1\.000 +1\.000 +1\.000 +1$", out, re.MULTILINE)
    assert re.search(r"^work_unit +0\.000 +0\.000 +0 +1 +1$", out, re.MULTILINE)
    assert "accepted without a person: 2 of 2, 1 of them" in out
    assert out.splitlines()[-1].startswith("m1 work_unit: expected PRESS-05, read PRESS-04 | press 4 is down")


@pytest.mark.django_db
def test_a_run_leaves_nothing_behind_and_sees_nothing_of_the_plant(
    kolbe_mini: KolbeMini, django_capture_on_commit_callbacks: Any
) -> None:
    unit = WorkUnit.objects.order_by("pk").first()
    assert unit is not None
    # The evaluation's codes are those of the plant: its unit, its site, and an item.
    Item.objects.create(code="BRK-2210", name="Something else", group=Item.objects.all()[0].group)
    document = {
        **SMALL,
        "site": {**SMALL["site"], "code": Site.objects.all()[0].code},
        "work_units": [*SMALL["work_units"], {"code": unit.code, "name": "Mine", "work_centre": "PRS-1"}],
    }
    before_index = current_index()
    kept = (
        Signal,
        Interpretation,
        ExceptionRecord,
        Source,
        Site,
        WorkUnit,
        Item,
        User,
        MasterChange,
        Customer,
    )
    before = {model: model.objects.count() for model in kept}
    newest = WorkUnit.objects.order_by("-pk").values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM exception_ref_seq")
        counter = cursor.fetchone()
    other = WorkUnit.objects.exclude(pk=unit.pk).order_by("pk")[0]
    rows = _gold(
        {
            **DOWN,
            "text": f"{unit.code} is down",
            "expect": {"type": "machine_downtime", "work_unit": unit.code},
        },
        {**DOWN, "text": f"{other.code} is down", "expect": {"work_unit": None}},
    )

    with django_capture_on_commit_callbacks() as promised:
        done = evaluate(messages=rows, master=read_master(document))

    report = score(done.answers, codes={"work_unit": [unit.code]}, zone=BERLIN)
    assert report.misses == []
    assert done.answers[0].opened
    assert promised == []
    assert {model: model.objects.count() for model in kept} == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM exception_ref_seq")
        assert cursor.fetchone() == counter
        cursor.execute("SELECT nextval(pg_get_serial_sequence('plant_app_workunit', 'id'))")
        assert cursor.fetchone() == (newest + 1,)
    assert current_index().version == before_index.version
    assert len(current_index()) == len(before_index)
    assert unit.code in {row.code for row in current_index().find(_normal(unit.code))[0][0].rows}


def _normal(words: str) -> Any:
    return normalise(words)


@pytest.mark.django_db
def test_master_data_with_holes_is_completed_with_a_warning() -> None:
    master = read_master(
        {
            "site": {"code": "X"},
            "work_units": [{"code": "U-1", "work_centre": "C-9"}, {"code": "U-1", "name": "again"}],
            "work_orders": [
                {"code": "W-100200", "item": "I-7", "quantity": "?", "status": "odd", "due": "never"}
            ],
            "purchase_orders": [{"code": "P-1", "supplier": "S-1"}],
            "sales_orders": [{"code": "S-1", "customer": "C-1", "line": "x"}],
        }
    )

    done = evaluate(
        messages=_gold(
            {
                "text": "U-1 is down, hydraulic leak",
                "expect": {"type": "machine_downtime", "work_unit": "U-1"},
            }
        ),
        master=master,
    )

    assert score(done.answers, codes={}, zone=UTC).misses == []
    assert {warning.code for warning in done.warnings} == {
        "master.work_units", "master.work_orders", "master.purchase_orders", "master.sales_orders",
    }  # fmt: skip


@pytest.mark.django_db
def test_a_repeat_that_joins_is_no_new_record() -> None:
    again = {
        **DOWN, "id": "m3", "received_at": "2026-11-23T09:55:00+01:00", "reporter": "P-31",
        "text": "press 4 is still down", "expect": {"type": "none"},
    }  # fmt: skip

    done = evaluate(messages=_gold(again, DOWN), master=read_master(SMALL))

    first, second = done.answers
    assert (first.message.id, first.outcome, first.opened) == ("m3", "joined", False)
    assert (second.message.id, second.outcome, second.opened) == ("m1", "opened", True)
    report = score(done.answers, codes={}, zone=BERLIN)
    assert (report.nones, report.nones_opened, report.accuracy) == (1, 0, 1.0)


@pytest.mark.django_db
def test_a_mail_is_read_as_a_mail() -> None:
    mail = {
        "channel": "email", "received_at": "2026-11-23T09:42:00+01:00", "reporter": "P-31",
        "text": "Subject: AW: press 4\n\nIt is down.\n\nAm 23.11.2026 um 08:00 schrieb Bo Li <bo@example.com>:\n"
        "> press 5 is down as well",
        "expect": {"type": "machine_downtime", "work_unit": "PRESS-04"},
    }  # fmt: skip

    done = evaluate(messages=_gold(mail), master=read_master(SMALL))

    assert score(done.answers, codes={}, zone=BERLIN).misses == []


# --- the arithmetic ---


def _field(name: str, value: Any, method: Any = "code", candidates: tuple[str, ...] = ()) -> FieldReading:
    return FieldReading(name, value, str(value), 0, 1, method, 0.9, candidates)


def _answer(
    expect: dict[str, Any], *fields: FieldReading, type_code: str | None = "machine_downtime", opened: bool = True,
    outcome: str = "opened", accepted: bool = True, intent: Any = "report", reasons: tuple[str, ...] = (),
    uom: str = "", occurred_at: datetime | None = None, cpu_ms: float = 1.0,
) -> Answer:  # fmt: skip
    reading = Reading(
        type_code=type_code, type_confidence=0.9, intent=intent, fields=fields, confidence=0.9, needs_triage=False,
        triage_reasons=reasons, language="en", pipeline_version="x", occurred_at=occurred_at or NOW,
        occurred_estimated=occurred_at is None, uom=uom,
    )  # fmt: skip
    (message,) = _gold({"text": "words", "expect": expect})
    return Answer(message, reading, outcome, opened, accepted, "high", cpu_ms)


def test_precision_recall_and_f1_by_type() -> None:
    report = score(
        [
            _answer({"type": "machine_downtime"}),
            _answer({"type": "machine_downtime"}, type_code="tooling"),
            _answer({"type": "tooling"}, type_code="tooling"),
            _answer({"type": "other"}, type_code=None),
            _answer({"type": "other"}, type_code="customer_complaint"),
            _answer({"type": "none"}, outcome="ignored", opened=False, intent="chatter", type_code=None),
            _answer({}, type_code="safety_stop"),
        ],
        codes={},
        zone=UTC,
    )

    figures = {
        code: (tally.precision, tally.recall, round(tally.f1, 3)) for code, tally in report.types.items()
    }
    assert figures == {
        "machine_downtime": (1.0, 0.5, 0.667), "tooling": (0.5, 1.0, 0.667), "other": (1.0, 1.0, 1.0),
        "none": (1.0, 1.0, 1.0),
    }  # fmt: skip
    assert report.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 2) / 4)
    assert report.accuracy == pytest.approx(5 / 6)


def test_links_count_what_the_words_name_and_nothing_else() -> None:
    answers = [
        _answer({"work_unit": "A-1"}, _field("work_unit", "A-1")),
        _answer({"work_unit": ["A-1", "A-2"]}, _field("work_unit", "A-1", candidates=("A-1", "A-2"))),
        _answer(
            {"work_unit": None}, _field("work_unit", "A-1", "alias", ("A-1", "A-2")),
            reasons=("the Schuler could be A-1 or A-2",),
        ),
        _answer({"work_unit": None}, _field("work_unit", "A-1", "context")),
        _answer({"sales_order": "SO-1"}, _field("sales_order_line", "SO-1/10")),
        _answer({"sales_order": None}, _field("sales_order", "SO-2")),
        _answer({"lot": "L-1"}),
        _answer({}, _field("item", "I-1")),
    ]  # fmt: skip

    report = score(answers, codes={}, zone=UTC)

    counted = {kind: (tally.right, tally.extra, tally.missing) for kind, tally in report.links.items()}
    assert counted == {"work_unit": (3, 0, 0), "sales_order": (1, 1, 0), "lot": (0, 0, 1)}
    assert (report.all_links.precision, report.all_links.recall) == (0.8, 0.8)


def test_a_label_without_its_prefix_means_the_one_code_that_ends_so() -> None:
    read = _field("work_order", "WO-104233")
    one = score([_answer({"work_order": "104233"}, read)], codes={"work_order": ["WO-104233"]}, zone=UTC)
    two = score(
        [_answer({"work_order": "104233"}, read)], codes={"work_order": ["WO-104233", "RW-104233"]}, zone=UTC
    )

    assert one.misses == []
    assert [(miss.expected, miss.got) for miss in two.misses] == [("104233", "WO-104233")]


def test_values_are_exact_or_wrong() -> None:
    wanted = {
        "quantity": 1200, "uom": "Stk", "occurred_at": "2026-11-23T08:30:00Z", "requested_date": "2026-11-24",
        "severity": "high",
    }  # fmt: skip
    at = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    good = _answer(
        wanted, _field("quantity", Decimal("1200.000")),
        _field("requested_date", datetime(2026, 11, 23, 23, 30, tzinfo=UTC)),
        uom="pcs", occurred_at=at + timedelta(minutes=5),
    )  # fmt: skip
    late = _answer(wanted, _field("quantity", Decimal(12)), occurred_at=at + timedelta(minutes=6))
    none = _answer({"occurred_at": None, "quantity": None}, occurred_at=at)

    report = score([good, late, none], codes={}, zone=BERLIN)

    assert report.values == {
        "quantity": (2, 3), "uom": (1, 2), "occurred_at": (1, 3), "requested_date": (1, 2), "severity": (2, 2),
    }  # fmt: skip
    assert report.as_json()["values"]["all"] == round(7 / 12, 4)


def test_chat_that_opened_a_record_and_what_was_accepted_wrongly() -> None:
    answers = [
        _answer({"type": "none"}, type_code="tooling"),
        _answer({"type": "none"}, type_code="tooling", accepted=False),
        _answer({"type": "none"}, outcome="cleared", opened=False, intent="recovery"),
        _answer({"type": "tooling", "quantity": 5}, type_code="tooling"),
    ]

    report = score(answers, codes={}, zone=UTC)

    assert (report.nones, report.nones_opened, report.nones_asked) == (3, 2, 1)
    assert (report.auto, report.auto_wrong) == (3, 1)
    assert report.as_json()["none"] == {"wrongly_opened": 0.6667}
    assert report.as_json()["auto"] == {"share": 0.75, "error": 0.3333}


def test_a_message_that_could_not_be_read_is_wrong_and_never_lost() -> None:
    (message,) = _gold({"expect": {"type": "tooling", "work_unit": "A", "quantity": 1}})
    report = score([Answer(message, None, "", False, False, "", 0.0, "boom")], codes={}, zone=UTC)

    assert report.unread == 1
    assert [miss.what for miss in report.misses] == ["type", "work_unit", "quantity"]
    assert report.as_json()["type"] == {"macro_f1": 0.0, "accuracy": 0.0}


def test_percentiles_of_cpu_time() -> None:
    report = score([_answer({}, cpu_ms=float(number)) for number in range(1, 21)], codes={}, zone=UTC)

    assert report.as_json()["cpu_ms"] == {"p50": 10.0, "p95": 19.0}


def test_every_link_kind_of_the_format_is_scored() -> None:
    assert set(LINKS) == {
        "work_unit", "work_centre", "item", "work_order", "sales_order", "purchase_order", "customer", "supplier",
        "lot",
    }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    "channel", ["form", "api", "email", "whatsapp", "sms", "slack", "teams", "edi", "machine"]
)
def test_every_channel_reads_and_who_names_no_reporter_is_no_stranger(channel: str) -> None:
    nobody = {**DOWN, "channel": channel, "reporter": None}

    (answer,) = evaluate(messages=_gold(nobody), master=read_master(SMALL)).answers

    assert (answer.error, answer.opened, answer.accepted) == ("", True, True)
