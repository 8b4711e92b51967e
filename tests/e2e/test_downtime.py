"""A press goes down: from the operator's tap to the ERP's books and the month's four metrics, everything real."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.books import Books
from tests.e2e.conftest import SignIn
from tests.e2e.figures import counted
from tests.e2e.stack import JSON, Stack

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.erp_live, pytest.mark.timeout(1500)]

logger = logging.getLogger(__name__)

ZONE = ZoneInfo("Europe/Berlin")
TOLD = "press 4 down, hydraulic leak"
UNIT, CENTRE, AREA, ORDER, OPERATION = "PRS-04", "PRESS", "FORM", "WO-118300", 10
SHOWN_WITHIN = 2.0  # seconds from the answer to the tap to the other screen's change
# A board notes itself when a machine's card first says that it is down.
WATCH = """unit => {
  window.shown = 0;
  const look = () => {
    const card = [...document.querySelectorAll(".unit")].find((one) => one.getAttribute("aria-label").startsWith(unit));
    if (card && card.classList.contains("down") && !window.shown) window.shown = Date.now();
  };
  window.reloaded = false;
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  look();
}"""


@pytest.fixture(scope="module")
def books(erp_stack: Stack) -> Iterator[Books]:
    with Books(erp_stack.erp_state()) as found:
        yield found


def report(station: Page, board: Page, unit: str, words: str) -> tuple[JSON, float]:
    """Two taps and some words at the station; returns the server's answer, and how long the board took after it."""
    expect(board.locator(".unit", has_text=unit)).not_to_have_class("unit down")
    board.evaluate(WATCH, unit)
    station.get_by_role("button", name="Machine").first.click()
    sheet = station.locator("#report-machine_downtime")
    sheet.get_by_placeholder("Or in your own words").fill(words)
    with station.expect_response("**/report/") as heard:
        sheet.get_by_role("button", name="Coolant, oil, air leaks").click()
    answer = heard.value
    assert answer.status == 201, answer.text()
    timing = answer.request.timing
    answered_at = (timing["startTime"] + timing["responseEnd"]) / 1000
    expect(board.locator(".unit", has_text=unit)).to_have_class("unit down", timeout=25_000)
    return answer.json(), board.evaluate("window.shown") / 1000 - answered_at


def earlier_record(stack: Stack) -> str:
    """A stop of another machine, lived to its end before: the month is not empty when the story begins."""
    began = datetime.now(ZONE) - timedelta(minutes=90)
    answer = stack.person("piotr.nowak").tell("/signals/", {
        "channel": "station", "external_id": f"earlier-{began.timestamp()}", "site": "RHF",
        "text": "CNC-02 down, drive fault", "occurred_at": began.isoformat(),
    })  # fmt: skip
    ref = str(answer["exception"]["ref"])
    for row in answer["exception"]["functions"]:
        if row["required"]:
            stack.person(row["person"]).tell(f"/responses/{row['id']}/acknowledge/")
    owner = answer["exception"]["owner"]["person"]["username"]
    stack.person(owner).tell(f"/exceptions/{ref}/resolve/", {"reason": "drive reset, runs again"})
    stack.wait_closed(ref, 60)
    return ref


def metrics(stack: Stack) -> JSON:
    found = stack.person("robert.kolbe").ask("/metrics/", site="RHF")
    return {name: found[name] for name in ("resolution", "alignment", "posting_lag", "first_pass")}


def test_a_press_goes_down_and_everything_follows(erp_stack: Stack, books: Books, sign_in: SignIn) -> None:
    stack = erp_stack
    month_begins = datetime.now(ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    # given a month with one record in it, and a board of the area on a wall
    earlier_record(stack)
    before, before_rows = metrics(stack), counted(stack, "RHF", month_begins)
    assert before == before_rows.expected()
    board = sign_in(stack, "katrin.weber", f"/boards/{AREA}/", width=1920, height=1080)
    station = sign_in(stack, "piotr.nowak", f"/stations/{CENTRE}/?unit={UNIT}")
    expect(board.locator("html")).to_have_attribute("data-live-state", "live")

    made = stack.one(
        "select o.good - o.confirmed_good as good, o.scrap - o.confirmed_scrap as scrap from plant_app_operation o"
        " join plant_app_workorder w on w.id = o.work_order_id where w.number = %s and o.number = %s",
        ORDER,
        OPERATION,
    )

    # when the operator reports, the board shows it without a reload
    answer, seconds = report(station, board, UNIT, TOLD)
    logger.info("on the other screen %.2f s after the answer", seconds)
    if seconds > SHOWN_WITHIN:  # a machine with other work to do may miss once; twice is ours
        other = sign_in(stack, "piotr.nowak", f"/stations/{CENTRE}/?unit=PRS-02")
        _, seconds = report(other, board, "PRS-02", "press 2 down, hydraulic leak")
        logger.info("measured again: %.2f s", seconds)
    assert seconds < SHOWN_WITHIN
    ref = answer["exception"]["ref"]
    record = stack.record(ref)
    assert (record["type"], record["links"]["work_unit"], record["links"]["reason"]) == (
        "machine_downtime", UNIT, "MEC-LEAK",
    )  # fmt: skip
    assert (record["links"]["work_order"], record["status"]) == (ORDER, "open")
    expect(station.locator(".openhere")).to_contain_text(ref.rpartition("-")[2].lstrip("0"))

    # then maintenance, production and planning each acknowledge from their inbox
    asked = {row["function"]: row["person"] for row in record["functions"] if row["required"]}
    assert set(asked) == {"maintenance", "production", "planning"}
    pages = {function: sign_in(stack, person, "/inbox/") for function, person in asked.items()}
    for page in pages.values():
        acknowledge(page, record["title"])
    record = stack.record(ref)
    assert record["aligned_at"] is not None
    assert (record["status"], record["owner"]["person"]["username"]) == ("acknowledged", asked["maintenance"])

    # and the planner decides on the exception's page
    start = datetime.now(ZONE) + timedelta(days=2)
    decide(pages["planning"], ref, start)
    assert stack.record(ref)["status"] == "decided"
    tasks = stack.tasks(ref)
    assert set(tasks) == {"move", "setup", "counts", "first_article", "repair", "displaced"}

    # and the tasks are finished, two of them in the browser
    finish_with(pages["production"], tasks["counts"], {"in-good": "12", "in-scrap": "3"})
    for code in ("move", "setup", "first_article", "displaced"):
        stack.person(tasks[code]["username"]).tell(f"/tasks/{tasks[code]['id']}/finish/")
    assert stack.record(ref)["status"] == "decided"
    finish_with(pages["maintenance"], tasks["repair"], {"in-cause": "MEC-LEAK"})

    # then everything is settled and the record closes
    closed = stack.wait_closed(ref, 120)
    expect(pages["planning"].locator("#postings")).to_contain_text("confirmed", ignore_case=True)
    expect(board.locator(".unit", has_text=UNIT)).not_to_have_class("unit down")
    postings = in_the_books(stack, books, closed, start, good=made["good"] + 12, scrap=made["scrap"] + 3)

    # and the month's four metrics have changed by exactly this record
    after, after_rows = metrics(stack), counted(stack, "RHF", month_begins)
    mine = {
        "resolution": between(closed["captured_at"], closed["closed_at"]),
        "alignment": between(closed["occurred_at"], closed["aligned_at"]),
    }
    lags = sorted(
        between(row["occurred_at"], row["erp_confirmed_at"])
        for row in postings
        if row["status"] == "confirmed"
    )
    assert len(lags) == 3
    assert sorted(after_rows.resolution) == pytest.approx(
        sorted([*before_rows.resolution, mine["resolution"]])
    )
    assert sorted(after_rows.alignment) == pytest.approx(sorted([*before_rows.alignment, mine["alignment"]]))
    assert sorted(after_rows.posting_lag) == pytest.approx(sorted([*before_rows.posting_lag, *lags]))
    assert after_rows.passed == (*before_rows.passed, True)
    assert after == after_rows.expected()
    assert after["resolution"]["count"] == before["resolution"]["count"] + 1


def between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)) / timedelta(minutes=1)


def acknowledge(inbox: Page, title: str) -> None:
    card = inbox.locator("article.pcard", has_text=title)
    expect(card).to_have_count(1)
    card.get_by_role("button", name="Acknowledge").click()
    expect(card).to_have_count(0)


def decide(page: Page, ref: str, start: datetime) -> None:
    """Run on alternate work unit, two days from now, so that the order's planned end moves to another day."""
    page.goto(f"/exceptions/{ref}/")
    form = page.locator("#decide-form")
    form.locator("th", has_text="Run on alternate work unit").click()
    inputs = form.locator('fieldset[data-option="run_on_alternate"]')
    inputs.locator('[name="in-start"]').fill(start.strftime("%Y-%m-%dT%H:%M"))
    inputs.locator('[name="in-quantity"]').fill("480")
    inputs.locator('[name="in-setup"]').fill("30")
    assert inputs.locator('[name="in-to_unit"]').input_value().startswith("PRS-")
    form.get_by_placeholder("Reason, for the record").fill("press 4 is down for days")
    form.locator("[data-decide]").click()
    expect(page.locator("#decide .taken:not(#contained)")).to_contain_text("Run on alternate work unit")


def finish_with(page: Page, task: JSON, answers: dict[str, str]) -> None:
    """Finish a task that asks something, from the inbox of whose it is."""
    page.goto("/inbox/?tab=do")
    row = page.locator(f"#task-{task['id']}")
    row.get_by_role("button", name="Done").click()
    dialog = page.locator("#dialog")
    for name, value in answers.items():
        field = dialog.locator(f'[name="{name}"]')
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    dialog.locator("button[type=submit]").click()
    expect(row).to_have_count(0)


def in_the_books(
    stack: Stack, books: Books, record: JSON, start: datetime, *, good: Decimal, scrap: Decimal
) -> list[JSON]:
    """What Tryton takes is in Tryton, once; what it has no place for ended here, with the reason."""
    postings = stack.postings(record["ref"])
    by_kind: dict[str, list[JSON]] = {}
    for row in postings:
        by_kind.setdefault(row["kind"], []).append(row)
    assert {kind: [row["status"] for row in rows] for kind, rows in by_kind.items()} == {
        "maintenance_notification": ["local", "local"],
        "operation.move": ["local"],
        "change.date": ["confirmed"],
        "confirmation": ["confirmed"],
        "cost": ["confirmed"],
    }
    for row in [*by_kind["maintenance_notification"], *by_kind["operation.move"]]:
        assert row["local_reason"].startswith("Tryton ")
    completed = by_kind["maintenance_notification"][1]["payload"]
    assert completed["opened_by"] == by_kind["maintenance_notification"][0]["business_key"]

    # dates: the order now ends on the day the alternate will have run
    change = by_kind["change.date"][0]["payload"]
    assert datetime.fromisoformat(change["new"]).date() >= start.date()
    assert str(books.order(ORDER)["planned_date"]) == change["new"]

    # confirmation: what was counted, and the time from the start of the operation to the stop
    confirmation = by_kind["confirmation"][0]
    payload = confirmation["payload"]
    assert (payload["work_order"], payload["operation"]) == (ORDER, str(OPERATION))
    assert (Decimal(payload["yield_qty"]), Decimal(payload["scrap_qty"])) == (good, scrap)
    stopped = datetime.fromisoformat(record["occurred_at"])
    assert (
        datetime.fromisoformat(payload["end"])
        == datetime.fromisoformat(confirmation["occurred_at"])
        == stopped
    )
    # set-up and run together are the time from the operation's start, to a tenth of a minute, rounded down
    worked = Decimal(payload["setup_minutes"]) + Decimal(payload["machine_minutes"])
    assert 0 <= between(payload["start"], payload["end"]) - float(worked) < 0.1
    cycles = [
        row for row in books.cycles(ORDER, OPERATION)
        if row["state"] == "done" and round(Decimal(str(row["duration"].total_seconds())) / 60, 1) == worked
    ]  # fmt: skip
    assert len(cycles) == 1
    notes = books.notes(confirmation["business_key"])
    assert len(notes) == 1
    assert f"yield {good:.0f}, scrap {scrap:.0f}," in notes[0]["message"]

    # cost: the stop at the work centre's rate, from its beginning to the moment it ran again
    cost = by_kind["cost"][0]
    rate = stack.one("select cost_per_hour from plant_app_workcentre where code = %s", CENTRE)[
        "cost_per_hour"
    ]
    hours = Decimal(str(between(record["occurred_at"], record["cleared_at"]))) / 60
    amount = (rate * hours).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    assert Decimal(cost["payload"]["amount"]) == amount > 0
    entries = books.entries(cost["business_key"])
    assert [row["state"] for row in entries] == ["posted"]
    assert entries[0]["booked"] == {("6910", amount, Decimal(0)), ("6999", Decimal(0), amount)}
    return postings
