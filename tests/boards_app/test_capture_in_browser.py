"""Reporting from a phone and a tablet in a real browser: photo, voice, camera, and a network that goes away."""

import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page, expect

from exceptions_app import services as exceptions
from exceptions_app.models import Attachment, ExceptionRecord, Signal
from plant_app.models import Site, User
from plant_app.services import address_of, code_sheet, codes_for, token_of
from tests.chromium import running_chromium
from tests.exceptions_app import attached_samples as made
from tests.live_pages import PATIENCE, aside, session_of
from tests.plant_fixtures import KolbeMini

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABLET: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture
def sheet(plant: KolbeMini) -> tuple[bytes, str, str]:
    """The printed sheet of press 4, what its code says, and the page behind it."""
    Site.objects.filter(code="RHF").update(anonymous_reports=True)
    unit = plant.units["PRS-04"]
    (code,) = codes_for(work_units=[unit])
    return code_sheet(work_units=[unit]), address_of(code), f"/r/{token_of(code)}/"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A large picture as a phone takes it, held upright, with a place in it."""
    path = tmp_path / "IMG_7.jpg"
    path.write_bytes(made.photo(3000, 2000, turned=True))
    return path


@pytest.fixture
def camera(sheet: tuple[bytes, str, str], tmp_path: Path) -> Path:
    """What a camera sees that is held over the sheet, as Chromium's fake camera wants it (Y4M, grey)."""
    seen = drawn(sheet[0]).resize((640, 480))
    path = tmp_path / "camera.y4m"
    frame = b"FRAME\n" + seen.tobytes() + b"\x80" * (640 * 480 // 2)
    path.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + frame * 10)
    return path


@pytest.fixture
def chromium(plant: KolbeMini, camera: Path, settings: Any, tmp_path: Path) -> Iterator[Browser]:
    """A Chromium whose camera sees the sheet and whose microphone beeps."""
    settings.MEDIA_ROOT = tmp_path / "media"
    with running_chromium(
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ) as browser:  # fmt: skip
        yield browser


@pytest.fixture
def contexts(chromium: Browser, address: str) -> Iterator[Any]:
    """Browsers of different people; a script error fails the test."""
    made_here: list[BrowserContext] = []
    errors: list[str] = []

    def fresh(username: str = "", **device: Any) -> tuple[BrowserContext, Page]:
        context = chromium.new_context(base_url=address, permissions=["microphone", "camera"], **device)
        context.set_default_timeout(PATIENCE)
        if username:
            key = aside(lambda: log_in(username))
            context.add_cookies([{"name": "sessionid", "value": key, "url": address}])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        made_here.append(context)
        return context, page

    yield fresh
    for context in made_here:
        context.close()
    assert errors == []


def log_in(username: str) -> str:
    return session_of(User.objects.get(username=username))


def drawn(pdf: bytes) -> Image.Image:
    """The first label's place on the sheet as a picture, drawn from the rectangles the PDF says."""
    scale = 4.0
    page = Image.new("L", (int(300 * scale), int(225 * scale)), 255)
    pen = ImageDraw.Draw(page)
    for raw in re.findall(rb"stream\n(.*?)\nendstream", pdf, re.S):
        try:
            text = zlib.decompress(raw)
        except zlib.error:
            continue
        for found in re.findall(rb"(-?[\d.]+) (-?[\d.]+) (-?[\d.]+) (-?[\d.]+) re f", text):
            x, y, width, height = (float(number) for number in found)
            top, bottom = (842 - y) * scale, (842 - y - height) * scale
            low, high = sorted((top, bottom))
            pen.rectangle([x * scale, low, (x + width) * scale - 1, high - 1], fill=0)
    return page


def test_a_stranger_reports_with_a_photo_while_the_network_is_gone(
    plant: KolbeMini, sheet: tuple[bytes, str, str], contexts: Any, photo: Path
) -> None:
    context, phone = contexts(**PHONE)
    phone.goto(sheet[2])
    expect(phone.get_by_role("heading", name="PRS-04")).to_be_visible()
    # nothing scrolls sideways, and the way to send is in reach at once
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    expect(phone.get_by_role("button", name="Send report")).to_be_in_viewport()
    phone.get_by_label("Machine", exact=True).check()
    phone.get_by_label("Coolant, oil, air leaks").check()
    phone.locator("[data-photos]").set_input_files(photo)
    expect(phone.locator("[data-capture-shelf] img")).to_be_visible()
    phone.locator("#qr-text").fill("oil on the floor")
    context.set_offline(True)
    phone.get_by_role("button", name="Send report").click()
    expect(phone.get_by_text("Kept on this phone")).to_be_visible()
    assert aside(Signal.objects.count) == 0
    # a reload would need the network; the kept report lies in the phone's own store
    kept_files = """async () => {
      const [item] = await (await import("/static/js/store.js")).all();
      return item.entries.filter(([, value]) => value instanceof Blob).length;
    }"""
    assert phone.evaluate(kept_files) == 1
    context.set_offline(False)
    phone.wait_for_url("**/t/**", wait_until="commit")
    exception = aside(ExceptionRecord.objects.get)
    expect(phone.get_by_text(exception.ref)).to_be_visible()
    expect(phone.get_by_text("A person looks at it first")).to_be_visible()

    def kept() -> tuple[Signal, Attachment]:
        exceptions.keep_attachments()
        return Signal.objects.get(), Attachment.objects.get()

    signal, attachment = aside(kept)
    assert (signal.text, signal.fields["reason"], signal.reporter) == ("oil on the floor", "MEC-LEAK", None)
    # made small and upright on the phone already, made safe by the server
    assert (attachment.status, attachment.width, attachment.height) == ("kept", 1365, 2048)


def test_the_printed_code_is_read_by_the_camera_and_fills_the_form(
    plant: KolbeMini, sheet: tuple[bytes, str, str], contexts: Any
) -> None:
    _context, page = contexts("ingrid.vogel", **TABLET)
    page.goto("/report/")
    page.get_by_role("button", name="Scan with the camera").click()
    # the reader is ours: headless Chromium on Linux has none
    expect(page.locator("[data-scan]")).to_have_value("PRS-04", timeout=60_000)
    expect(page.locator("[data-scan-said]")).to_contain_text("PRS-04")
    page.locator("#report-text").fill("hydraulic leak, it stands")
    page.get_by_role("button", name="Report", exact=False).last.click()
    page.wait_for_url("**/exceptions/EX-*/", wait_until="commit")
    exception = aside(lambda: ExceptionRecord.objects.select_related("work_unit").get())
    assert exception.work_unit == plant.units["PRS-04"]


def test_a_station_keeps_photo_and_voice_with_the_tap(plant: KolbeMini, contexts: Any, photo: Path) -> None:
    context, page = contexts("piotr.nowak", **TABLET)
    page.goto("/stations/PRESS/?unit=PRS-04")
    page.locator('[data-dialog="report-machine_downtime"]').click()
    sheet_ = page.locator("#report-machine_downtime")
    sheet_.locator("[data-photos]").set_input_files(photo)
    expect(sheet_.locator("[data-capture-shelf] img")).to_have_count(1)
    sheet_.locator("[data-voice]").click()
    expect(sheet_.locator("[data-voice-words]")).to_have_text(re.compile(r"Stop 0:0[1-9]"))
    context.set_offline(True)
    # the second tap ends the recording, keeps all of it, and closes the sheet
    sheet_.get_by_role("button", name="Jammed").click()
    expect(page.locator(".qitem", has_text="waits")).to_be_visible()
    expect(sheet_).to_be_hidden()
    assert aside(Signal.objects.count) == 0
    context.set_offline(False)
    expect(page.locator(".qitem.sent").first).to_be_attached(timeout=60_000)

    def kept() -> list[tuple[str, str, str]]:
        exceptions.keep_attachments()
        return list(Attachment.objects.order_by("kind").values_list("kind", "status", "content_type"))

    assert aside(kept) == [("photo", "kept", "image/jpeg"), ("voice", "kept", "audio/webm")]
    exception = aside(lambda: ExceptionRecord.objects.select_related("reason", "reported_by").get())
    assert (exception.reason.code, exception.reported_by) == ("MEC-JAM", plant.people["piotr.nowak"])
    # and people see and hear it on the record's page
    _context, desk = contexts("ingrid.vogel", **TABLET)
    desk.goto(f"/exceptions/{exception.ref}/")
    picture = desk.locator(".attached img")
    expect(picture).to_be_visible()
    assert picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") == 213
    expect(desk.locator(".attached audio")).to_be_visible()
    expect(desk.locator("#timeline")).to_contain_text("with 1 photo, 1 voice note")


def scan(page: Page, code: str) -> None:
    """Type `code` and Enter as a scanner does: a key each 10 ms by the keyboard's clock, however busy we are."""
    session, began = page.context.new_cdp_session(page), time.time()
    for number, key in enumerate([*code, "Enter"]):
        stroke = {"key": key, "timestamp": began + number / 100}
        text = "\r" if key == "Enter" else key
        session.send("Input.dispatchKeyEvent", {**stroke, "type": "keyDown", "text": text})
        session.send("Input.dispatchKeyEvent", {**stroke, "type": "keyUp"})


def test_a_keyboard_scanner_reaches_the_form_wherever_the_focus_is(plant: KolbeMini, contexts: Any) -> None:
    _context, page = contexts("piotr.nowak", **TABLET)
    page.goto("/stations/PRESS/?unit=PRS-04")
    page.locator('[data-dialog="report-machine_downtime"]').click()
    sheet_ = page.locator("#report-machine_downtime")
    sheet_.locator("#machine_downtime-text").focus()
    scan(page, "wo-118219")
    expect(sheet_.locator("[data-scan]")).to_have_value("WO-118219")
    expect(sheet_.locator("#machine_downtime-text")).to_have_value("")
    assert aside(Signal.objects.count) == 0  # the scanner's Enter sends nothing
    sheet_.get_by_role("button", name="Jammed").click()
    expect(page.locator(".qitem.sent").first).to_be_attached(timeout=60_000)
    assert aside(lambda: Signal.objects.get().fields["work_order"]) == "WO-118219"
