"""Places named by ordinary words: they hold where nothing better is said, and give way to a machine's code."""

from datetime import UTC, datetime

from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.pipeline import interpret
from exceptions_app.reading.types import Reading, ReadingContext

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
MASTER = MasterIndex(
    [
        MasterCode("work_unit", "CNC-04", "CNC-04", 1, "RHF", ("mill 4",), "MILL5"),
        MasterCode("work_centre", "GRIND", "Grinding", 2, "RHF"),
        MasterCode("work_centre", "MILL5", "5-axis milling", 3, "RHF"),
    ]
)


def read(text: str) -> Reading:
    return interpret(text, master=MASTER, context=ReadingContext(site_code="RHF"), received_at=NOON)


def test_a_grinding_noise_is_not_at_the_grinders() -> None:
    found = read("CNC-04 stopped, spindle making grinding noise")
    assert (found.type_code, found.needs_triage) == ("machine_downtime", False)
    assert found.value("work_unit") == "CNC-04"
    assert found.value("work_centre") == "MILL5"


def test_a_work_centre_named_alone_is_the_place() -> None:
    found = read("Grinding down, no air")
    assert found.value("work_centre") == "GRIND"


def test_a_machine_and_the_code_of_another_centre_are_for_people_to_sort() -> None:
    found = read("CNC-04 in GRIND stopped, no air")
    assert found.needs_triage is True
    assert "CNC-04 is not in GRIND" in found.triage_reasons
