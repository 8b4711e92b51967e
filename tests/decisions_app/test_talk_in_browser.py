"""The talk of a record in a real browser: a name, a ready-made text and a photo by keyboard, seen at once elsewhere."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from decisions_app.models import TalkText
from exceptions_app import services as exceptions
from exceptions_app.models import Telling
from tests.decisions_app.conftest import Report
from tests.live_pages import PATIENCE, Open, aside
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_what_is_written_by_keyboard_stands_on_the_other_page_at_once(
    plant: KolbeMini, report: Report, open_page: Open, settings: Any, tmp_path: Any
) -> None:  # fmt: skip
    settings.MEDIA_ROOT = tmp_path
    exception = aside(lambda: report("press 4 down, hydraulic leak"))
    aside(lambda: TalkText.objects.create(name="Ask for parts", text="Which parts does {place} need?"))
    path = f"/exceptions/{exception.ref}/"
    page, other = open_page("ingrid.vogel", path), open_page("nils.ahrens", path)
    other.set_viewport_size({"width": 390, "height": 844})
    theirs = other.locator("#talk-text")
    theirs.fill("half a sentence")
    # one key goes to the words; an @ offers whom they may name, arrows and Enter take one
    page.keyboard.press("c")
    mine = page.locator("#talk-text")
    expect(mine).to_be_focused()
    page.keyboard.type("@jo")
    expect(page.get_by_role("option", name="Jonas Keller")).to_be_visible()
    page.keyboard.press("Enter")
    expect(mine).to_have_value("@jonas.keller ")
    # Tab goes past the photos to the texts; the chosen one is written where the caret was
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    ready = page.get_by_role("button", name="Ask for parts")
    expect(ready).to_be_visible()
    page.keyboard.press("Tab")
    expect(ready).to_be_focused()
    page.keyboard.press("Enter")
    place = aside(lambda: str(exception.work_unit))
    words = f"@jonas.keller Which parts does {place} need?"
    expect(mine).to_have_value(words)
    expect(mine).to_be_focused()
    # a photo goes along
    picture = BytesIO()
    Image.new("RGB", (640, 480), "steelblue").save(picture, "JPEG")
    page.locator("#talk-form input[type=file]").set_input_files(
        {"name": "leak.jpg", "mimeType": "image/jpeg", "buffer": picture.getvalue()}
    )
    expect(page.locator("[data-talk-photos]")).to_have_text("1 photo to send")
    mine.focus()
    page.keyboard.press("Enter")
    # the other page shows it by itself, and keeps what is being typed there
    for seen in (page, other):
        expect(seen.locator(".said .words")).to_have_text(words, timeout=PATIENCE)
        expect(seen.locator(".said .named")).to_have_text("@jonas.keller")
    expect(mine).to_have_value("")
    expect(page.locator("[data-talk-photos]")).to_have_text("")
    expect(theirs).to_have_value("half a sentence")
    told = aside(lambda: Telling.objects.get(exception=exception, reason="mention"))
    assert told.person_id == plant.people["jonas.keller"].pk
    # the photo follows once it is safe to show
    assert other.get_by_role("img", name="Photo: leak.jpg").count() == 0
    aside(exceptions.keep_attachments)
    for seen in (page, other):
        expect(seen.get_by_role("img", name="Photo: leak.jpg")).to_be_visible(timeout=PATIENCE)
    assert other.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
