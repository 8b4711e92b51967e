"""The page in a real browser: live changes, clocks, keys, toasts, and reports that survive the network."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.ui.gallery_moment import NOW
from tests.ui.gallery_pages import PAGES

COUNT_LIVE = """() => {
  window.heard = {};
  for (const one of document.querySelectorAll("[data-live]"))
    one.addEventListener("live", () => { window.heard[one.dataset.live] = (window.heard[one.dataset.live] || 0) + 1; });
}"""


class Server:
    """The other end of the page's socket."""

    def __init__(self, page: Page) -> None:
        self.routes: list[WebSocketRoute] = []
        self.said: list[dict[str, Any]] = []
        self.away = False
        page.route_web_socket("**/ws/live/", self._opened)

    def _opened(self, route: WebSocketRoute) -> None:
        if self.away:
            route.close()
            return
        self.routes.append(route)
        route.on_message(lambda text: self.said.append(json.loads(str(text))))
        self.send(type="hello", now=NOW.isoformat())

    def send(self, **message: Any) -> None:
        self.routes[-1].send(json.dumps(message))

    def drop(self) -> None:
        self.away = True
        self.routes[-1].close()


def wait(page: Page, condition: Callable[[], bool]) -> None:
    for _ in range(150):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not come to pass within 15 s")


def test_a_hint_reaches_those_who_show_it_and_a_reconnect_refetches_everything(page, gallery):
    server = Server(page)
    page.goto(f"{gallery}/desk.html")
    wait(page, lambda: {"type": "subscribe", "groups": ["site.1", "user.7"]} in server.said)
    expect(page.locator(".live")).to_contain_text("Live, 10:42:")
    page.evaluate(COUNT_LIVE)

    server.send(type="hint", kind="exception", group="area.9")
    server.send(type="hint", kind="exception", group="user.7")
    server.send(type="hint", kind="exception", group="user.7")
    page.wait_for_function("() => window.heard['site.1 user.7']")
    assert page.evaluate("() => window.heard") == {"site.1 user.7": 1}  # two hints of one moment, one refetch

    server.drop()
    expect(page.locator("[data-stale]")).to_contain_text("Not live since 10:42, trying again")
    expect(page.locator("[data-stale]")).to_be_visible()
    server.away = False
    page.wait_for_function("() => window.heard['site.1']")
    expect(page.locator("[data-stale]")).to_be_hidden()
    assert page.evaluate("() => window.heard") == {"site.1 user.7": 2, "site.1": 1}
    assert server.said[-1] == {"type": "subscribe", "groups": ["site.1", "user.7"]}


def test_a_fragment_replaces_its_element_and_keeps_the_place_of_the_reader(page, gallery):
    server = Server(page)
    page.goto(f"{gallery}/board.html")
    wait(page, lambda: bool(server.said))
    page.locator("#unit-CNC-05").focus()
    markup = (
        '<a class="unit down" id="unit-CNC-05" href="#"><div class="name"><span>CNC-05</span></div>'
        '<div class="state">Down, coolant</div></a>'
    )
    server.send(type="fragment", target="unit-CNC-05", group="area.1", html=markup)
    expect(page.locator("#unit-CNC-05 .state")).to_have_text("Down, coolant")
    expect(page.locator("#unit-CNC-05")).to_be_focused()
    server.send(type="fragment", target="not-here", group="area.1", html="<p id='not-here'></p>")
    expect(page.locator(".unit")).to_have_count(12)


def test_clocks_tick_by_the_servers_time_whatever_the_tablet_believes(page, gallery):
    page.clock.install(time=0)  # a tablet that believes it is 1970
    page.goto(f"{gallery}/desk.html")
    first = page.locator(".ex .clock [data-figure]").first
    expect(first).to_have_text("18 min")
    page.clock.run_for(3 * 60_000)
    expect(first).to_have_text("15 min")
    expect(page.locator(".acks .tag").nth(1)).to_contain_text("1 min left")
    page.clock.run_for(2 * 60_000)
    expect(page.locator(".acks .tag").nth(1)).to_contain_text("1 min over")
    expect(page.locator(".acks .tag").nth(1)).to_have_class("tag num over alarm")
    page.clock.run_for(14 * 60_000)
    expect(page.locator(".ex .clock").first).to_have_class("clock over")
    expect(page.locator(".next .big")).to_have_text("1 min")


def test_the_list_is_walked_from_the_keyboard_and_typing_is_left_alone(page, gallery):
    page.goto(f"{gallery}/desk.html")
    page.evaluate(
        "() => { window.rows = []; document.addEventListener('rowselect', (e) => window.rows.push(e.detail.row)); }"
    )
    selected = page.locator('[data-row][aria-selected="true"]')
    expect(selected).to_have_id("row-EX-2026-004217")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(selected).to_have_count(1)
    expect(selected).to_have_id("row-EX-2026-004213")
    expect(selected).to_be_focused()
    assert page.evaluate("() => window.rows") == ["EX-2026-004213", "EX-2026-004219", "EX-2026-004213"]
    expect(page.locator("[data-row-place]")).to_have_text("2 of 9")

    page.keyboard.press("/")
    expect(page.locator("input[type=search]")).to_be_focused()
    page.keyboard.type("jk?")
    expect(page.locator("input[type=search]")).to_have_value("jk?")
    expect(selected).to_have_id("row-EX-2026-004213")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#key-help")).to_contain_text("Decide")
    page.keyboard.press("Escape")
    expect(page.locator("#key-help")).to_be_hidden()


def test_an_option_is_chosen_by_its_number(page, gallery):
    page.goto(f"{gallery}/exception.html")
    page.keyboard.press("2")
    expect(page.locator(".compare input").nth(1)).to_be_checked()
    tint = "(cell) => getComputedStyle(cell).borderLeftWidth"
    assert page.locator(".compare tbody tr").first.locator("td").nth(1).evaluate(tint) == "1px"
    assert page.locator(".compare tbody tr").first.locator("td").nth(0).evaluate(tint) == "0px"


def test_a_refusal_is_told_in_words_and_a_stale_save_offers_the_current_state(page, gallery):
    seen: list[dict[str, str]] = []

    def refuse(route: Route) -> None:
        seen.append(route.request.headers)
        problem = {"title": "Marta Silva changed this at 10:41.", "hint": "Look at what changed, then decide again.",
                   "code": "exceptions.stale_version", "status": 409}  # fmt: skip
        route.fulfill(status=409, content_type="application/problem+json", body=json.dumps(problem))

    page.route("**/c/", refuse)
    page.goto(f"{gallery}/exception.html")
    page.context.add_cookies([{"name": "csrftoken", "value": "t0ken", "url": gallery}])
    page.get_by_role("button", name="Confirm").first.click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("Marta Silva changed this at 10:41.")
    expect(toast).to_contain_text("Look at what changed")
    expect(toast).to_contain_text("exceptions.stale_version")
    expect(toast.get_by_role("button", name="Show the current state")).to_be_visible()
    assert seen[0]["x-csrftoken"] == "t0ken"
    page.route("**/c/", lambda route: route.abort())
    page.get_by_role("button", name="Confirm").first.click()
    expect(page.locator(".toast").last).to_contain_text("No network")


def test_a_second_click_sends_nothing_twice(page, gallery):
    sent: list[str] = []

    def slow(route: Route) -> None:
        sent.append(route.request.method)
        page.wait_for_timeout(300)
        route.fulfill(status=204)

    page.route("**/tasks/1/", slow)
    page.goto(f"{gallery}/exception.html")
    page.evaluate(
        "() => { const b = document.querySelector('#task-1 button'); b.click(); b.click(); b.click(); }"
    )
    wait(page, lambda: len(sent) >= 1)
    page.wait_for_timeout(700)
    assert sent == ["POST"]
    expect(page.locator("#task-1 button")).to_be_enabled()


def report(page: Page, words: str) -> None:
    page.locator("[data-dialog=report-machine]").click()
    page.get_by_role("button", name=words).click()
    page.locator("[data-dialog-close]").first.click()


def test_a_report_without_network_is_kept_through_a_reload_and_sent_once(page, gallery):
    tries: list[tuple[str, dict[str, Any]]] = []
    answer = {"status": 0}

    def signals(route: Route) -> None:
        tries.append((route.request.headers["idempotency-key"], route.request.post_data_json))
        if answer["status"] == 0:
            route.abort("internetdisconnected")
        else:
            body = json.dumps({"signal": 1, "exception": {"ref": "EX-2026-004230"}})
            route.fulfill(status=answer["status"], content_type="application/json", body=body)

    page.route("**/api/v1/signals/", signals)
    page.goto(f"{gallery}/station.html")
    report(page, "Noise, vibration")
    item = page.locator("[data-outbox-queue] .qitem")
    expect(item).to_have_text("10:42 Noise, vibration, waits")
    expect(page.locator("[data-outbox-offline]")).to_contain_text("No network since 10:42")

    page.reload()
    expect(item).to_have_text("10:42 Noise, vibration, waits")
    answer["status"] = 201
    page.evaluate("() => dispatchEvent(new Event('online'))")
    expect(item).to_have_text("10:42 Noise, vibration, sent")
    expect(page.locator("[data-outbox-offline]")).to_be_hidden()
    keys = {key for key, _ in tries}
    assert len(keys) == 1
    body = tries[-1][1]
    assert body["external_id"] in keys
    assert body["channel"] == "station"
    assert body["fields"] == {"work_unit": "CNC-06", "state": "stopped", "reason": "Noise, vibration"}
    assert body["occurred_at"].startswith("2026-11-17T09:42:")
    done = len(tries)
    page.evaluate("() => dispatchEvent(new Event('online'))")
    page.wait_for_timeout(400)
    assert len(tries) == done


def test_a_refused_report_asks_for_a_person_and_does_not_hold_up_the_next(page, gallery):
    answers = iter(
        [
            (400, {"title": "CNC-06 is not at this station.", "code": "signals.unknown_unit"}),
            (201, {"signal": 2}),
        ]
    )

    def signals(route: Route) -> None:
        status, body = next(answers)
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    page.route("**/api/v1/signals/", signals)
    page.goto(f"{gallery}/station.html")
    report(page, "Tool broke")
    failed = page.locator(".qitem.failed")
    expect(failed).to_have_text("10:42 Tool broke, needs you")
    report(page, "Clamping fails")
    expect(page.locator(".qitem.sent")).to_have_text("10:42 Clamping fails, sent")
    failed.click()
    expect(page.locator(".toast")).to_contain_text("CNC-06 is not at this station.")
    page.get_by_role("button", name="Throw away").click()
    expect(failed).to_have_count(0)


def test_the_theme_a_device_chose_is_there_before_the_first_paint(page, gallery):
    page.emulate_media(color_scheme="light")
    page.goto(f"{gallery}/desk.html")
    page.locator(".side .foot summary").click()
    page.locator("[data-theme-set=dark]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(15, 17, 20)"
    page.locator(".side .foot summary").click()
    page.locator("[data-theme-set=system]").click()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(236, 237, 239)"


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_no_page_scrolls_sideways(page, gallery, width):
    page.set_viewport_size({"width": width, "height": 844})
    for name in (*PAGES, "login", "404"):
        page.goto(f"{gallery}/{name}.html")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, name


def test_touch_targets_are_large_enough_for_fingers_and_gloves(page, gallery):
    heights = "(all) => all.map((one) => Math.round(one.getBoundingClientRect().height))"
    page.goto(f"{gallery}/station.html")
    assert min(page.locator(".btn.glove").locator("visible=true").evaluate_all(heights)) >= 76
    assert min(page.locator(".rbtn").evaluate_all(heights)) >= 76
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{gallery}/inbox.html")
    assert min(page.locator(".pcard .btn, .ptabs a, .pbar a").evaluate_all(heights)) >= 48
