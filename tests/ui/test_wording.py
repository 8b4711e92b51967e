"""How durations, amounts and states are spelled, in Python and in the page alike."""

import json
import shutil
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from boards_app import wording
from exceptions_app.lifecycle import Status
from exceptions_app.models import ResponseStatus
from plant_app.models import UnitState

TIME_JS = Path(__file__).parent.parent.parent / "static" / "js" / "time.js"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (18, "18 min"), (59.4, "59 min"), (59.6, "1 h"), (60, "1 h"), (65, "1 h 05"), (130, "2 h 10"),
     (400, "6 h 40"), (860, "14 h 20"), (1260, "21 h"), (2880, "2 days"), (3120, "2 days 4 h"), (-310, "−5 h 10")],
)  # fmt: skip
def test_a_duration_is_written_as_people_say_it(minutes, words):
    assert wording.span(minutes) == words


@pytest.mark.parametrize(
    ("minutes", "short", "long"),
    [(17.2, "18 min", "18 min left"), (0.2, "1 min", "1 min left"), (0, "now", "now due"), (-0.9, "now", "now due"),
     (-3.4, "3 min", "3 min over"), (130, "2 h 10", "2 h 10 left"), (1260.5, "21 h", "21 h left")],
)  # fmt: skip
def test_a_clock_counts_the_running_minute_and_never_hides_an_overrun(minutes, short, long):
    assert wording.left(minutes) == short
    assert wording.left_words(minutes) == long


def test_states_of_a_clock_change_at_their_limits():
    assert [wording.clock_state(minutes) for minutes in (61, 60, 59.9, 30, 29.9, 0.1, 0, -5)] == [
        "", "", "soon", "soon", "last", "last", "over", "over"
    ]  # fmt: skip
    assert wording.clock_state(4, soon=wording.limit_soon(15), last=0) == "soon"
    assert wording.clock_state(6, soon=wording.limit_soon(15), last=0) == ""
    assert wording.limit_soon(60) == 20


def test_the_page_spells_ticking_clocks_exactly_as_the_server_does():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    # steps of 3.7 min over two days and a half, finer around the turns
    minutes = [round(index * 3.7 - 200, 2) for index in range(1100)] + [
        59.5,
        60,
        600,
        599.9,
        2879.9,
        2880,
        0.01,
        -0.5,
    ]
    script = f"""
      globalThis.document = {{ documentElement: {{ dataset: {{}} }} }};
      const time = await import({json.dumps(TIME_JS.as_uri())});
      const minutes = {json.dumps(minutes)};
      const said = minutes.map((m) => [time.left(m), time.leftWords(m), time.gone(m), time.clockState(m)]);
      console.log(JSON.stringify(said));
    """
    done = subprocess.run(
        [node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    assert said == [
        [wording.left(m), wording.left_words(m), wording.gone(m), wording.clock_state(m)] for m in minutes
    ]


def test_amounts():
    assert wording.money(Decimal("61400")) == "€61,400"
    assert wording.money(-250) == "−€250"
    assert wording.money(Decimal("-0.2")) == "€0"
    assert wording.money(Decimal("12.5"), "USD", decimals=2) == "$12.50"
    assert wording.money(5, "SEK") == "SEK\u00a05"
    assert wording.quantity(Decimal("1200.000"), "pcs") == "1,200\u00a0pcs"
    assert wording.quantity(Decimal("2.50")) == "2.5"
    assert wording.quantity(-3) == "−3"
    assert wording.minutes_of(timedelta(hours=2)) == 120


def test_people_and_references():
    assert wording.initials("Piotr Nowak") == "PN"
    assert wording.initials("Łucja Maria Żak") == "ŁŻ"
    assert wording.initials("planner") == "PL"
    assert wording.initials("") == "?"
    assert wording.short_reference("EX-2026-004217") == "4217"
    assert wording.short_reference("draft") == "draft"


def test_words_that_became_fields_are_cut_out_in_order_and_never_overlap():
    text = "press 4 down, leak"
    cut = wording.pieces(
        text, [wording.Mark(14, 18, 2, low=True), wording.Mark(0, 7, 1), wording.Mark(6, 12, 3)]
    )
    assert [(piece.text, piece.mark.number if piece.mark else 0) for piece in cut] == [
        ("press 4", 1), (" down, ", 0), ("leak", 2)
    ]  # fmt: skip
    assert "".join(piece.text for piece in cut) == text
    assert wording.pieces("short", [wording.Mark(3, 99, 1), wording.Mark(-5, 0, 2)])[-1].text == "rt"


def test_every_stored_state_has_its_look():
    assert set(wording.ANDON) == set(UnitState.values)
    assert set(wording.RESPONSE) == set(ResponseStatus.values)
    assert set(wording.EXCEPTION) == {status.value for status in Status}
    assert wording.look("posting", "no_such_state").words == "No such state"
