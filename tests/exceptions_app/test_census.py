"""A plant counts its past: every kind of file, one event per matter, hours that say what they rest on, nothing live."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import default_storage
from openpyxl import Workbook

from core.errors import InvalidInput, TransitionRefused
from exceptions_app import services
from exceptions_app.census.chats import is_chat, read_chat
from exceptions_app.census.counting import Told, count
from exceptions_app.census.entries import minutes_of, moment_of, order_of
from exceptions_app.census.files import kind_of, parse
from exceptions_app.census.tables import entries_of, guess, read_csv, read_xlsx
from exceptions_app.models import (
    Census,
    CensusEntry,
    ExceptionRecord,
    LearnedAlias,
    Response,
    Signal,
    Telling,
)
from tests.plant_fixtures import KolbeMini

BERLIN = ZoneInfo("Europe/Berlin")
CHAT = """\u200e[23.11.26, 09:40:02] Schicht A: \u200eNachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.
[23.11.26, 09:42:13] Ana Ruiz: press 4 down, hydraulic leak
under the ram
[23.11.26, 09:43:40] Jonas Keller: \u200e<Medien ausgeschlossen>
[23.11.26, 09:44:00] Jonas Keller: ok danke
[23.11.26, 10:02:13] Jonas Keller: press 4 still down
[23.11.26, 10:42:13] Ana Ruiz: press 4 running again
[24.11.26, 07:05:00] Ana Ruiz: press 4 down, no pressure
"""
ANDROID = """11/23/26, 9:42 AM - Messages and calls are end-to-end encrypted.
11/23/26, 9:42\u202fAM - Ana: mill 5 stopped
11/23/26, 12:05 PM - Ana: running again
"""
LOG = """Downtime log press shop;;;;
Machine;Start;End;Duration (min);Comment
PRS-04;03.11.2026 09:10;03.11.2026 10:00;50;hydraulic leak, stopped
CNC-05;14.11.2026 22:50;23:20;;spindle fault, machine down
PRS-04;;;20;jammed
;;;;
"""
SAP = (
    "Notification\tNotif.date\tFunctional loc.\tDescription\tMalfunct. start\tMalfunction start time\tBreakdown dur."
    "\tReported by\n10001\t11/23/2026\tPRS-04\tPump leaking, press down\t11/23/2026\t09:10\t1.5 h\tMILLER\n"
)
MBOX = b"""From ana@example.com Mon Nov 23 09:00:00 2026
From: Ana Ruiz <ana@example.com>
Subject: PRS-04 down
Date: Mon, 23 Nov 2026 09:00:00 +0100
Message-ID: <a1@example.com>

Hydraulic leak at PRS-04, it is down.

From nobody@example.com Mon Nov 23 09:05:00 2026
From: Jonas <jonas@example.com>
Subject: Re: PRS-04 down
Date: Mon, 23 Nov 2026 09:05:00 +0100
Message-ID: <a2@example.com>
In-Reply-To: <a1@example.com>
References: <a1@example.com>

PRS-04 still down, fitter is on it.

> Hydraulic leak at PRS-04, it is down.

From auto@example.com Mon Nov 23 09:06:00 2026
From: Pia <pia@example.com>
Subject: Out of office
Date: Mon, 23 Nov 2026 09:06:00 +0100
Auto-Submitted: auto-replied
Message-ID: <a3@example.com>

I am away.
"""


def run(plant: KolbeMini, *files: tuple[str, bytes]) -> Census:
    census = services.begin_census(site=plant.rhf, name="Before go-live", actor=plant.holder("planner"))
    for name, data in files:
        services.add_census_file(census_id=census.pk, name=name, data=data)
    services.start_census(census_id=census.pk)
    services.read_due_censuses()
    census.refresh_from_db()
    return census


# --- files ---


def test_a_chat_is_read_whatever_phone_wrote_it() -> None:
    iphone = read_chat(CHAT, zone=BERLIN)
    assert [(one.sender, one.text.split("\n")[0]) for one in iphone.entries] == [
        ("Ana Ruiz", "press 4 down, hydraulic leak"), ("Jonas Keller", "ok danke"),
        ("Jonas Keller", "press 4 still down"), ("Ana Ruiz", "press 4 running again"),
        ("Ana Ruiz", "press 4 down, no pressure"),
    ]  # fmt: skip
    assert iphone.entries[0].text == "press 4 down, hydraulic leak\nunder the ram"
    assert iphone.entries[0].at == datetime(2026, 11, 23, 9, 42, 13, tzinfo=BERLIN)
    assert iphone.skipped == 2
    android = read_chat(ANDROID, zone=BERLIN)
    assert [one.at for one in android.entries] == [
        datetime(2026, 11, 23, 9, 42, tzinfo=BERLIN), datetime(2026, 11, 23, 12, 5, tzinfo=BERLIN)
    ]  # fmt: skip
    assert is_chat(CHAT)
    assert not is_chat(LOG)


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["13/01/2026", "01/02/2026"], "dmy"), (["01/13/2026", "02/01/2026"], "mdy"), (["2026-01-02"], "ymd"),
        (["01/02/26", "02/02/26", "03/02/26"], "dmy"), (["02/01/26", "02/02/26", "02/03/26"], "mdy"),
        (["01/02/26"], "dmy"), ([], "dmy"),
    ],
)  # fmt: skip
def test_a_file_says_itself_how_its_dates_are_written(dates: list[str], order: str) -> None:
    assert order_of(dates) == order


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("23.11.2026 09:42", "2026-11-23T09:42:00+01:00"), ("2026-11-23T09:42:10Z", "2026-11-23T09:42:10+00:00"),
        ("23/11/26", "2026-11-23T00:00:00+01:00"), ("46349.5", "2026-11-23T12:00:00+01:00"),
        ("31.02.2026", None), ("soon", None), ("23.11.2026 25:00", None), ("", None),
    ],
)  # fmt: skip
def test_dates_of_lists(words: str, moment: str | None) -> None:
    found = moment_of(words, order="dmy", zone=BERLIN)
    assert (found.isoformat() if found else None) == moment


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("50", 50),
        ("1:30", 90),
        ("1,5 h", 90),
        ("2 Std.", 120),
        ("90 min", 90),
        ("0:05:30", 5.5),
        ("much", None),
    ],
)
def test_durations_of_lists(words: str, minutes: float | None) -> None:
    assert minutes_of(words) == minutes


def test_a_downtime_log_is_read_by_its_headings() -> None:
    table = read_csv(LOG.encode("cp1252"))
    assert list(table.headings) == ["Machine", "Start", "End", "Duration (min)", "Comment"]
    parsed = entries_of(table, guess(table.headings), zone=BERLIN)
    first, second, third = parsed.entries
    assert (first.fields, first.minutes, first.line) == ({"work_unit": "PRS-04"}, 50, 3)
    assert first.at == datetime(2026, 11, 3, 9, 10, tzinfo=BERLIN)
    # a bare clock is on the day it began
    assert second.ended_at == datetime(2026, 11, 14, 23, 20, tzinfo=BERLIN)
    assert (third.at, third.minutes) == (None, 20)
    assert parsed.problems == [(5, "nothing is no date")]


def test_the_cause_of_a_german_downtime_log_is_used() -> None:
    found = guess(["Maschine", "Beginn", "Ende", "Störgrund", "Dauer (min)", "Bemerkung"])
    assert found == {"work_unit": 0, "start": 1, "end": 2, "reason": 3, "minutes": 4, "text": 5}


def test_a_notification_list_of_an_erp_is_read_by_its_headings() -> None:
    (entry,) = parse("table", SAP.encode(), zone=BERLIN).entries
    assert entry.at == datetime(2026, 11, 23, 9, 10, tzinfo=BERLIN)
    assert (entry.text, entry.fields, entry.minutes, entry.sender, entry.thread) == (
        "Pump leaking, press down", {"work_unit": "PRS-04"}, 90, "MILLER", "10001"
    )  # fmt: skip


def test_a_workbook_is_read_like_a_list() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Equipo", "Inicio", "Duración", "Descripción"])
    sheet.append(["PRS-04", datetime(2026, 11, 3, 9, 10), timedelta(minutes=75), "prensa parada"])  # noqa: DTZ001
    data = io.BytesIO()
    book.save(data)
    table = read_xlsx(data.getvalue())
    (entry,) = entries_of(table, guess(table.headings), zone=BERLIN).entries
    assert (entry.minutes, entry.fields["work_unit"], entry.text) == (75, "PRS-04", "prensa parada")
    assert entry.at == datetime(2026, 11, 3, 9, 10, tzinfo=BERLIN)
    assert kind_of("log.xlsx", data.getvalue()) == "table"


def test_a_mailbox_is_read_without_quotes_and_automatic_answers() -> None:
    parsed = parse("mail", MBOX, zone=BERLIN)
    assert [(one.sender, one.thread) for one in parsed.entries] == [
        ("Ana Ruiz", "a1@example.com"), ("Jonas", "a1@example.com")
    ]  # fmt: skip
    assert ">" not in parsed.entries[1].text
    assert parsed.entries[1].text.endswith("fitter is on it.")
    assert parsed.skipped == 1


def test_what_a_file_is_is_told_by_what_it_holds() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("_chat.txt", CHAT)
    assert kind_of("export.zip", archive.getvalue()) == "chat"
    assert len(parse("chat", archive.getvalue(), zone=BERLIN).entries) == 5
    assert kind_of("a.txt", CHAT.encode()) == "chat"
    assert kind_of("a.mbox", MBOX) == "mail"
    assert kind_of("a.csv", LOG.encode()) == "table"
    for junk in (b"", b"\x89PNG\r\n\x1a\n\x00\x00", b"PK\x03\x04 broken", b"hello"):
        assert kind_of("a.bin", junk) is None


# --- counting ---


def told(number: int, minute: int, **more: Any) -> Told:
    given = {
        "type_code": "machine_downtime", "confidence": 0.9, "intent": "report", "key": "down:RHF:work_unit=PRS-04",
        "unit": "PRS-04", "sender": "Ana", **more,
    }  # fmt: skip
    return Told(number=number, at=datetime(2026, 11, 23, 6, tzinfo=UTC) + timedelta(minutes=minute), **given)


def test_one_matter_is_one_event_and_an_all_clear_ends_it() -> None:
    found = count([told(1, 0), told(2, 30), told(3, 60, intent="recovery"), told(4, 90)])
    (one,) = found.types
    assert (one.events, one.entries) == (2, 3)
    assert one.measured_hours == 1.0
    # the second one has no end: the stated figure stands in, and says so
    assert (one.estimated_hours, one.basis) == (1.0, "stated figure")


def test_hours_rest_on_what_was_measured_once_there_is_enough() -> None:
    rows = [
        told(number, 1000 * number, minutes=30.0 + number, key=f"k{number}", unit=f"U{number}")
        for number in range(5)
    ]
    rows.append(told(9, 9000, key="k9", unit="U9"))
    (one,) = count(rows).types
    assert (one.basis, one.minutes_each) == ("median of 5 measured", 32.0)
    assert one.hours == round((30 + 31 + 32 + 33 + 34 + 32) / 60, 2)
    assert count(rows).resolution_median == 32.0


def test_the_pareto_is_by_hours_and_names_the_first_five() -> None:
    codes = [
        "tooling",
        "quality_hold",
        "order_change",
        "labour_shortage",
        "supplier_delay",
        "material_shortage",
    ]
    rows = [
        told(number, 600 * number, type_code=code, key=f"k{number}", unit="", minutes=60.0 * number)
        for number, code in enumerate(codes, start=1)
    ]
    found = count(
        [*rows, told(90, 1, type_code="", intent="chatter", key=""), told(91, 2, type_code="", key="")]
    )
    assert [one.type_code for one in found.types] == codes[::-1]
    assert list(found.first) == codes[:0:-1]
    assert found.covers == round(20 / 21, 4)
    assert (found.events, found.entries, found.nothing, found.untyped) == (6, 8, 1, 1)


# --- the whole way ---


def test_a_census_counts_and_nothing_of_it_is_live(plant: KolbeMini) -> None:
    # given a chat, a log and a mailbox
    before = (Signal.objects.count(), LearnedAlias.objects.count())
    census = run(plant, ("chat.txt", CHAT.encode()), ("log.csv", LOG.encode()), ("old.mbox", MBOX))
    # then it is counted
    assert (census.status, census.error) == ("done", "")
    assert (census.read, census.total) == (10, 10)
    types = {one["type_code"]: one for one in census.figures["types"]}
    down = types["machine_downtime"]
    assert down["events"] >= 4
    assert down["measured_hours"] >= 1.8
    assert dict(down["units"])["PRS-04"] >= 4
    assert down["words"]
    assert "Ana Ruiz" in dict(down["senders"])
    assert census.figures["nothing"] >= 1
    # and nothing was opened, nobody told, no signal stored, nothing learnt
    assert not ExceptionRecord.objects.exists()
    assert not Response.objects.exists()
    assert not Telling.objects.exists()
    assert (Signal.objects.count(), LearnedAlias.objects.count()) == before


def test_what_somebody_measured_is_never_counted_as_nothing(plant: KolbeMini) -> None:
    # given small talk in a log: one row with the minutes it took, one without
    log = "Machine;Start;Duration (min);Comment\n;03.11.2026 09:10;50;ok danke\n;04.11.2026 09:10;;ok danke\n"
    census = run(plant, ("log.csv", log.encode()))
    # then the measured one is something nobody could tell
    assert (census.figures["untyped"], census.figures["nothing"]) == (1, 1)


def test_a_worker_that_dies_midway_is_gone_on_from_where_it_was(
    plant: KolbeMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    census = services.begin_census(site=plant.rhf, name="c", actor=plant.holder("planner"))
    services.add_census_file(census_id=census.pk, name="chat.txt", data=CHAT.encode())
    services.start_census(census_id=census.pk)
    from exceptions_app.services import census as module

    monkeypatch.setattr(module, "STEP", 2)
    real, seen = module._read, []

    def dies(*given: Any) -> None:
        seen.append(1)
        if len(seen) == 2:
            raise SystemExit
        real(*given)

    monkeypatch.setattr(module, "_read", dies)
    with pytest.raises(SystemExit):
        services.read_due_censuses()
    assert CensusEntry.objects.filter(census=census, done=True).count() == 2
    Census.objects.filter(pk=census.pk).update(due_at=census.created_at)  # the lease is over
    services.read_due_censuses()
    census.refresh_from_db()
    assert (census.status, census.read, CensusEntry.objects.filter(census=census).count()) == ("done", 5, 5)


def test_stated_minutes_can_be_changed_and_are_counted_anew(plant: KolbeMini) -> None:
    census = run(plant, ("chat.txt", CHAT.encode()))
    before = census.figures["types"][0]
    again = services.set_typical_minutes(census_id=census.pk, typical={"machine_downtime": 240})
    after = again.figures["types"][0]
    assert after["estimated_hours"] == before["estimated_hours"] * 4
    with pytest.raises(InvalidInput):
        services.set_typical_minutes(census_id=census.pk, typical={"machine_downtime": 0})


def test_the_words_can_be_deleted_and_the_figures_stay(
    plant: KolbeMini, django_capture_on_commit_callbacks: Any
) -> None:
    census = run(plant, ("chat.txt", CHAT.encode()))
    name = census.files.get().file.name
    assert default_storage.exists(name)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_census_words(census_id=census.pk)
    census.refresh_from_db()
    assert not census.entries.exists()
    assert not default_storage.exists(name)
    assert census.figures["events"] >= 1
    with pytest.raises(TransitionRefused):
        services.set_typical_minutes(census_id=census.pk, typical={"tooling": 10})


def test_what_cannot_be_imported_is_refused_and_a_file_is_there_once(plant: KolbeMini) -> None:
    census = services.begin_census(site=plant.rhf, name="c", actor=plant.holder("planner"))
    with pytest.raises(InvalidInput, match="neither a chat"):
        services.add_census_file(census_id=census.pk, name="a.png", data=b"\x89PNG\r\n\x1a\n\x00\x00")
    with pytest.raises(InvalidInput, match="Add a file"):
        services.start_census(census_id=census.pk)
    services.add_census_file(census_id=census.pk, name="chat.txt", data=CHAT.encode())
    with pytest.raises(InvalidInput, match="there already"):
        services.add_census_file(census_id=census.pk, name="again.txt", data=CHAT.encode())
    services.start_census(census_id=census.pk)
    with pytest.raises(TransitionRefused):
        services.add_census_file(census_id=census.pk, name="log.csv", data=LOG.encode())


def test_a_file_that_is_gone_fails_the_census_in_words(plant: KolbeMini) -> None:
    census = services.begin_census(site=plant.rhf, name="c", actor=plant.holder("planner"))
    file = services.add_census_file(census_id=census.pk, name="chat.txt", data=CHAT.encode())
    Path(default_storage.path(file.file.name)).unlink()
    services.start_census(census_id=census.pk)
    for _ in range(5):
        Census.objects.filter(pk=census.pk).update(due_at=census.created_at)
        services.read_due_censuses()
    census.refresh_from_db()
    assert census.status == "failed"
    assert "FileNotFoundError" in census.error
