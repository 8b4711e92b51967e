"""The monthly report: live and frozen, every number with its records, and the sentences over them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from boards_app import report_words
from core import clock
from metrics_app.models import MonthlyReport
from metrics_app.periods import Month
from metrics_app.services import freeze_month
from tests.boards_app.conftest import As
from tests.metrics_app.test_months import lived
from tests.plant_fixtures import KolbeMini

OCTOBER = Month(2026, 10)
MIDDLE = datetime(2026, 10, 14, 8, tzinfo=UTC)


@pytest.fixture
def october(plant: KolbeMini) -> MonthlyReport:
    """Two closed records in October, the month frozen in November."""
    lived(plant, MIDDLE, 1, minutes=60)
    lived(plant, MIDDLE + timedelta(days=3), 2, minutes=180)
    with clock.travel(datetime(2026, 11, 3, 6, tzinfo=UTC)):
        return freeze_month(month=OCTOBER, site=plant.rhf)


def test_a_frozen_month_shows_what_was_frozen(plant: KolbeMini, october: MonthlyReport, as_: As) -> None:
    with clock.travel(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        html = as_("robert.kolbe").get("/reports/2026-10/").content.decode()
    assert "Rheinfelden, October 2026" in html
    assert "3 Nov 2026, 07:00, definitions 1" in html
    # the median of 60 and 180 minutes, each figure leading to its records
    assert (
        '<a class="plain" href="/reports/2026-10/records/?metric=resolution">2<small> h</small></a>' in html
    )
    assert "2 closed, 2 aligned" in html
    assert "2 of 2" in html
    assert "Machine downtime" in html
    assert 'href="/reports/2026-10/records/?metric=resolution&amp;dim=area&amp;value=Forming"' in html


def test_the_month_that_runs_is_marked_live(plant: KolbeMini, october: MonthlyReport, as_: As) -> None:
    with clock.travel(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        html = as_("robert.kolbe").get("/reports/").content.decode()
    assert "Rheinfelden, November 2026" in html
    assert "changes until the month is frozen" in html
    assert "Nothing was closed, aligned or posted in this month yet." in html
    # October is offered, and no month after this one
    assert 'rel="prev" href="/reports/2026-10/"' in html
    assert 'rel="next"' not in html


def test_a_number_leads_to_its_records(plant: KolbeMini, october: MonthlyReport, as_: As) -> None:
    browser = as_("robert.kolbe")
    with clock.travel(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        closed = browser.get("/reports/2026-10/records/?metric=resolution").content.decode()
        forming = browser.get(
            "/reports/2026-10/records/?metric=resolution&dim=area&value=Forming"
        ).content.decode()
        elsewhere = browser.get(
            "/reports/2026-10/records/?metric=resolution&dim=area&value=Machining"
        ).content.decode()
        mend = browser.get("/reports/2026-10/records/?mend=0").content.decode()
        aligned = browser.get("/reports/2026-10/records/?metric=alignment").content.decode()
        nothing = browser.get("/reports/2026-10/records/?mend=99").content.decode()
    assert closed.count("data-row=") == forming.count("data-row=") == mend.count("data-row=") == 2
    assert closed.index("3 h") < closed.index("1 h<")  # the longest first
    assert "first pass" in closed
    assert "10 min" in aligned
    assert "data-row=" not in elsewhere
    assert "data-row=" not in nothing


def test_late_data_stands_beside_the_frozen_figures(
    plant: KolbeMini, october: MonthlyReport, as_: As
) -> None:
    october.adjustments.create(
        metric="resolution", frozen=120, current=150, count=1, found_at=datetime(2026, 11, 5, tzinfo=UTC)
    )
    with clock.travel(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        html = as_("robert.kolbe").get("/reports/2026-10/").content.decode()
    assert "Resolution would be 2 h 30 instead of 2 h, +1 records" in html
    assert ">2<small> h</small></a>" in html


@pytest.mark.parametrize("address", ["/reports/2026-13/", "/reports/2099-01/", "/reports/1990-01/"])
def test_months_that_are_not(plant: KolbeMini, as_: As, address: str) -> None:
    assert as_("robert.kolbe").get(address).status_code == 404


def test_who_may_see_reports(plant: KolbeMini, october: MonthlyReport, as_: As) -> None:
    assert as_("piotr.nowak").get("/reports/").status_code == 403
    with clock.travel(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        other = as_("dana.brooks").get("/reports/2026-10/?site=RHF").content.decode()
        records = as_("dana.brooks").get("/reports/2026-10/records/?metric=resolution").content.decode()
        both = as_("sofia.brandt").get("/reports/2026-10/?site=all").content.decode()
    assert "Greenville, October 2026" in other
    assert "data-row=" not in records
    assert "All sites, October 2026" in both
    assert "2 closed" in both


# --- sentences ----------------------------------------------------------------------------------------------
def figures(
    resolution: float | None, lag: float | None = None, passed: float | None = None
) -> dict[str, Any]:
    return {
        "resolution": {"count": 3 if resolution is not None else 0, "median": resolution},
        "alignment": {"count": 0, "median": None},
        "posting_lag": {"count": 3 if lag is not None else 0, "median": lag},
        "first_pass": {"count": 3 if passed is not None else 0, "percent": passed},
    }


def said(now: dict[str, Any], before: dict[str, Any] | None, live: bool = False) -> str:
    pieces = report_words.lede(now, before, live=live, last_month="September")
    return "".join(piece.text for piece in pieces)


def test_the_opening_says_how_many_numbers_moved_which_way() -> None:
    assert said(figures(400, 14, 74), figures(860, 8, 52)) == (
        "Two numbers improved, one got worse. Resolution fell from 14 h 20 to 6 h 40 and first-pass resolution rose "
        "from 52 % to 74 %. ERP posting lag rose from 8 min to 14 min, compared with September."
    )
    assert said(figures(400), figures(860)) == (
        "One number improved, none got worse. Resolution fell from 14 h 20 to 6 h 40, compared with September."
    )
    assert said(figures(405), figures(400)) == "Nothing moved much. Every number is close to September’s."
    assert said(figures(None), None, live=True) == "Nothing was closed, aligned or posted in this month yet."
    assert said(figures(400), None) == "The first month with numbers. Resolution 6 h 40."


def test_a_month_worse_is_bold() -> None:
    pieces = report_words.lede(figures(900), figures(400), live=False, last_month="September")
    assert [piece.text for piece in pieces if piece.bold] == [
        "One number got worse.",
        " Resolution rose from 6 h 40 to 15 h",
    ]


def test_small_changes_are_no_news() -> None:
    resolution, first_pass = report_words.METRICS[0], report_words.METRICS[3]
    assert report_words.change(resolution, 102, 100) == 0
    assert report_words.change(resolution, 94, 100) == 1
    assert report_words.change(first_pass, 71, 70) == 0
    assert report_words.change(first_pass, 60, 70) == -1
    assert report_words.change(first_pass, None, 70) == 0
