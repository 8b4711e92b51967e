"""Deciding in a real browser: a yes asked for and given on the page, and each of the five types from told to closed.

One page a journey: the other functions answer behind its back, as they do in a plant.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core import clock
from decisions_app import services as decisions
from decisions_app.models import Approval
from exceptions_app.models import ExceptionRecord
from plant_app.models import User
from tests.decisions_app.conftest import Report, acknowledge_all, drain, erp  # noqa: F401  (an ERP that answers)
from tests.live_pages import PATIENCE, Open, aside
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# type -> what is reported, the option taken, the words of its tasks' answers
JOURNEYS: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "machine_downtime": ({"text": "press 4 down, hydraulic leak"}, "repair_and_resume", {"repair": "permanent"}),
    "material_shortage": (
        {"type": "material_shortage", "item": "SK-118", "kind": "stopped_now", "quantity_short": "24"},
        "reschedule",
        {},
    ),
    "quality_hold": (
        {"type": "quality_hold", "lot": "L26-4471", "reason": "DIM-SIZE", "qty_suspect": "36"},
        "use_as_is",
        {"justification": "within the drawing's reserve"},
    ),
    "order_change": (
        {"type": "order_change", "sales_line": "40017733/10", "kind": "DATE-LATER", "requested_date": "2027-03-01"},
        "accept",
        {},
    ),
    "labour_shortage": (
        {"type": "labour_shortage", "work_centre": "GRIND", "missing": "1", "reason": "ABS-LATE"},
        "reassign",
        {},
    ),
}  # fmt: skip


def shot(page: Page, name: str) -> None:
    """A picture to be looked at, where somebody asked for them."""
    folder = os.environ.get("EXECLAYER_SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def boss(plant: KolbeMini) -> User:
    """The plant manager, who may do everything here."""
    found = plant.people["robert.kolbe"]
    found.is_superuser = True
    found.save(update_fields=["is_superuser"])
    return found


def finish(exception: ExceptionRecord, actor: User) -> None:
    """Every function does its tasks, with what they ask."""
    for task in exception.tasks.filter(status="open", blocking=True).order_by("pk"):
        answers = {
            ask["name"]: {"reason": "UNK", "quantity": "1", "bool": True}.get(ask["kind"], "5")
            for ask in task.asks
            if ask.get("required")
        }
        decisions.complete_task(task_id=task.pk, actor=task.person or actor, result=answers, via="inbox")


@pytest.mark.parametrize("kind", JOURNEYS)
def test_a_type_goes_from_told_to_closed(
    plant: KolbeMini,
    erp: Any,  # noqa: F811
    report: Report,
    open_page: Open,
    kind: str,
) -> None:
    said, option, words = JOURNEYS[kind]
    actor = aside(lambda: boss(plant))
    exception = aside(lambda: report(**said))
    assert aside(lambda: exception.type.code) == kind
    page = open_page(actor.username, f"/exceptions/{exception.ref}/?option={option}")
    # every function acknowledges, and the page counts them without a reload
    aside(lambda: acknowledge_all(exception))
    needed = aside(lambda: exception.responses.filter(required=True).exclude(status="declined").count())
    expect(page.locator("#functions .fig")).to_have_text(f"{needed} of {needed}", timeout=PATIENCE)
    expect(page.locator("#contained")).to_be_visible()
    for name, value in words.items():
        control = page.locator(f'fieldset[data-option="{option}"] [name="in-{name}"]').first
        if control.evaluate("one => one.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    page.locator("[data-decide]").click()
    expect(page.locator("#tasks")).to_be_visible(timeout=PATIENCE)
    shot(page, f"journey-{kind}-decided")
    aside(lambda: finish(exception, actor))

    def end() -> None:
        exception.refresh_from_db()
        if exception.cleared_at is None:
            decisions.clear(exception_id=exception.pk, actor=actor)
        drain()

    aside(end)
    expect(page.locator("#record")).to_contain_text("Closed", timeout=PATIENCE)
    aside(exception.refresh_from_db)
    assert exception.status == "closed"


def test_a_yes_is_asked_for_and_given_on_the_page(
    plant: KolbeMini,
    erp: Any,  # noqa: F811
    report: Report,
    open_page: Open,
) -> None:
    exception = aside(
        lambda: report(type="quality_hold", lot="L26-4471", reason="DIM-SIZE", qty_suspect="36")
    )
    aside(lambda: acknowledge_all(exception))
    asking = open_page("stefan.roth", f"/exceptions/{exception.ref}/?option=scrap")
    form = asking.locator('fieldset[data-option="scrap"]')
    form.locator('[name="in-reason"]').select_option("DIM-SIZE")
    asking.get_by_label("Reason, for the record").fill("not restorable")
    expect(asking.locator("[data-decide]")).to_be_disabled()
    shot(asking, "approval-asking")
    form.locator("[data-ask]").click()
    expect(asking.locator("#decide")).to_contain_text("Scrap: waits for Robert Kolbe", timeout=PATIENCE)
    expect(asking.locator("#decide")).to_contain_text("over the limit of Stefan Roth")
    # the plant manager finds it in the inbox, and says yes on the record
    inbox = open_page("robert.kolbe", "/inbox/")
    expect(inbox.locator("#main, body").first).to_contain_text("Approve: Scrap")
    shot(inbox, "approval-inbox")
    inbox.goto(f"/exceptions/{exception.ref}/")
    shot(inbox, "approval-record")
    inbox.get_by_role("button", name="Approve").click()
    expect(inbox.locator("#decide")).to_contain_text("Approved by Robert Kolbe", timeout=PATIENCE)
    # whoever asked sees it decided without a reload
    expect(asking.locator("#tasks")).to_contain_text("unusable", timeout=PATIENCE)
    row = aside(lambda: Approval.objects.select_related("decision__decided_by").get())
    assert row.decision is not None
    assert (row.status, row.decision.decided_by.username) == ("given", "stefan.roth")
    # a follow-up and a root cause, from the same page
    inbox.close()
    asking.locator("#cause").get_by_role("button", name="State").click()
    expect(asking.locator("#dialog-title")).to_contain_text("happened", timeout=PATIENCE)
    asking.locator('#dialog [name="category"]').select_option("worn_tool")
    asking.locator("#dialog").get_by_role("button", name="Keep").click()
    expect(asking.locator("#cause")).to_contain_text("Worn tool", timeout=PATIENCE)
    asking.locator("#tasks").get_by_role("button", name="Follow-up").click()
    asking.locator('#dialog [name="title"]').fill("Tool life counted")
    asking.locator('#dialog [name="check_days"]').fill("14")
    shot(asking, "follow-up-dialog")
    asking.locator("#dialog").get_by_role("button", name="Hand out").click()
    expect(asking.locator("#tasks")).to_contain_text("Tool life counted", timeout=PATIENCE)
    expect(asking.locator("#tasks")).to_contain_text("checked 14 days after")
    task = aside(lambda: exception.tasks.get(title="Tool life counted"))
    assert (task.blocking, task.check_days) == (False, 14)
    assert task.due_at > clock.now() + timedelta(days=6)
    shot(asking, "approval-decided")
