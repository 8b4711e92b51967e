"""The rule editor in a real browser: a value ticked from a list, a new condition, a rule dragged to another place."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from plant_app.models import User
from routing_app.models import Rule, RuleVersion
from routing_app.selectors import draft_spec, spec_digest
from tests.chromium import running_chromium
from tests.live_pages import aside, session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PATIENCE = 30_000


@pytest.fixture
def page(published: RuleVersion, administrator: User, address: str) -> Iterator[Page]:
    """A browser signed in as the administrator; a script error fails the test."""
    key = session_of(administrator)
    errors: list[str] = []
    with running_chromium() as chromium:
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
        context.add_cookies([{"name": "sessionid", "value": key, "url": address}])
        context.set_default_timeout(PATIENCE)
        opened = context.new_page()
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        context.close()
    assert errors == []


def test_values_are_picked_and_rules_dragged(page: Page) -> None:
    rule = aside(lambda: Rule.objects.get(code="change-answer-soon"))
    page.goto(f"/admin/routing_app/rule/{rule.pk}/change/")

    # a list of values is ticked, and what is sent follows
    picked = page.locator("tr:has([name='conditions-1-fact']) details.rt-pick")
    picked.locator("summary").click()
    picked.get_by_label("warning").check()
    expect(page.locator("[name='conditions-1-value']")).to_have_value("none, information, warning")
    page.keyboard.press("Escape")
    expect(picked).not_to_have_attribute("open", "")

    # a new condition offers only what fits its fact, and takes both ends of a range
    page.get_by_text("Add another Rule condition").click()
    page.select_option("[name='conditions-3-fact']", "quantity")
    hidden = page.locator("[name='conditions-3-operator'] option[value='one_of']")
    assert hidden.evaluate("option => option.hidden") is True
    page.select_option("[name='conditions-3-operator']", "between")
    ends = page.locator("tr:has([name='conditions-3-fact']) .rt-end")
    ends.nth(0).fill("10")
    ends.nth(1).fill("250")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".rt-lead").first).to_contain_text("quantity is between 10 and 250", timeout=PATIENCE)

    # a rule is dragged over another
    page.goto("/admin/routing_app/rule/")
    expect(page.locator(".rt-name").nth(3)).to_have_text("Bottleneck unit")
    page.locator(".rt-grip").nth(3).drag_to(
        page.locator("tr[data-rule]").nth(0), target_position={"x": 300, "y": 5}
    )
    expect(page.locator(".rt-name").nth(0)).to_have_text("Bottleneck unit", timeout=PATIENCE)

    # the list comes without waiting for the checks; what they say follows by itself, of this very state
    spec = aside(draft_spec)
    expect(page.locator("#rt-checked")).to_contain_text(f"state {spec_digest(spec)[:7]}", timeout=PATIENCE)

    # choosing a file to import stumbles over no script
    page.goto("/admin/routing_app/rule/import/")
    page.set_input_files(
        "input[type=file]", {"name": "r.csv", "mimeType": "text/csv", "buffer": b"code,name"}
    )
    page.get_by_role("button", name="Show what it would change").click()
    expect(page.locator("#rt-refused")).to_have_text("“r.csv” was not taken", timeout=PATIENCE)
    changed = next(one for one in spec.rules if one.code == "change-answer-soon")
    assert [condition.value for condition in changed.conditions][1:] == [
        "none, information, warning", "480", "10, 250",
    ]  # fmt: skip
    assert [one.code for one in spec.rules[:2]] == ["bottleneck", "promise-at-risk"]
    assert spec.rules[-1].is_catch_all
