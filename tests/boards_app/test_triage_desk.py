"""The triage desk: what it shows of a message, hostile ones included; its keys in a browser; undo; rules; figures."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from exceptions_app import services as exceptions
from exceptions_app.models import (
    AcceptancePolicy,
    ExceptionRecord,
    LearnedAlias,
    PlantCue,
    Review,
    Source,
    Verdict,
)
from tests.boards_app.conftest import As
from tests.boards_app.pages import DOWN, htmx
from tests.decisions_app.conftest import Report
from tests.live_pages import PATIENCE, Open, aside
from tests.plant_fixtures import KolbeMini

LEAK = "the old lady is leaking oil all over again"
TWO = "PRS-03 or 04 stopped, pressure drops <script>alert(1)</script><img src=x onerror=alert(2)>"
Say = Callable[..., ExceptionRecord]


@pytest.fixture
def say(plant: KolbeMini) -> Say:
    """A message of a chat somebody has to look at."""
    count = 0

    def send(text: str, *, trusted: bool = True, sender: str = "U0921") -> ExceptionRecord:
        nonlocal count
        count += 1
        source, _ = Source.objects.get_or_create(
            code=f"floor-{trusted}".lower(),
            defaults={"name": "Floor chat", "channel": "chat", "site": plant.rhf, "trusted": trusted},
        )
        got = exceptions.receive_signal(
            source=source,
            external_id=f"desk-{count}",
            text=text,
            sender=sender,
            reporter_text=sender,
            site=plant.rhf,
        )
        exception = exceptions.read_signal(signal_id=got.signal.pk).exception
        assert exception is not None
        assert exception.status == "triage", exception
        return exception

    return send


@pytest.mark.django_db
def test_the_address_of_an_item_opens_the_desk_with_it(plant: KolbeMini, say: Say, as_: As) -> None:
    exception = say(TWO)
    planner = as_("ingrid.vogel")

    answer = planner.get(f"/triage/{exception.ref}/")
    assert (answer.status_code, answer["Location"]) == (302, f"/triage/?item={exception.ref}")
    part = planner.get(f"/triage/{exception.ref}/", headers=htmx()).content.decode()
    assert f'data-item="{exception.ref}"' in part
    assert "<html" not in part


@pytest.mark.django_db
def test_an_item_shows_its_words_why_and_what_it_may_be(plant: KolbeMini, say: Say, as_: As) -> None:
    exception = say(TWO)

    html = as_("ingrid.vogel").get("/triage/").content.decode()

    assert f'data-item="{exception.ref}"' in html
    assert "<script>alert(1)" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "Why you are asked" in html
    for code in ("PRS-03", "PRS-04"):
        assert f'name="work_unit" value="{code}"' in html
    page = as_("ingrid.vogel").get(f"/exceptions/{exception.ref}/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow_with_what_waits(plant: KolbeMini, say: Say, as_: As) -> None:
    planner = as_("ingrid.vogel")
    say(LEAK)
    planner.get("/triage/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        planner.get("/triage/")
    for number in range(6):
        say(f"the {number + 2}. old lady is leaking oil all over again", sender=f"U{number}")
    with CaptureQueriesContext(connection) as many:
        planner.get("/triage/")
    assert len(many) <= len(few)


@pytest.mark.django_db
def test_only_those_who_sort_have_the_desk(plant: KolbeMini, say: Say, as_: As) -> None:
    exception = say(LEAK)
    assert as_("piotr.nowak").get("/triage/").status_code == 403
    refused = as_("piotr.nowak").post(f"/triage/{exception.ref}/accept/", {"type": "tooling", "version": "1"})
    assert refused.status_code in (302, 403)
    exception.refresh_from_db()
    assert exception.status == "triage"
    assert not Review.objects.exists()


def accept(browser: Client, exception: ExceptionRecord, **fields: str) -> object:
    exception.refresh_from_db()
    return browser.post(
        f"/triage/{exception.ref}/accept/", {"version": str(exception.version), **fields}, headers=htmx()
    )


@pytest.mark.django_db
def test_accepting_teaches_and_a_second_acceptance_is_refused_in_words(
    plant: KolbeMini, say: Say, as_: As
) -> None:
    exception = say(LEAK)
    version = ExceptionRecord.objects.get(pk=exception.pk).version
    posted = {
        "type": "machine_downtime", "work_unit": "PRS-04", "words-work_unit": "old lady", "version": str(version)
    }  # fmt: skip

    first = as_("ingrid.vogel").post(f"/triage/{exception.ref}/accept/", posted, headers=htmx())
    second = as_("katrin.weber").post(f"/triage/{exception.ref}/accept/", posted, headers=htmx())

    assert first.status_code == 204
    assert "\\u201cold lady\\u201d is PRS-04" in first["HX-Trigger"]
    assert second.status_code == 409
    assert second.json()["code"] == "triage.sorted"
    assert "Ingrid Vogel" in second.json()["title"]
    assert Review.objects.get().by == plant.people["ingrid.vogel"]
    assert LearnedAlias.objects.get().code == "PRS-04"


@pytest.mark.django_db
def test_nothing_to_do_ends_it_and_undo_brings_it_back(plant: KolbeMini, say: Say, as_: As) -> None:
    exception = say(LEAK)
    planner = as_("ingrid.vogel")
    version = ExceptionRecord.objects.get(pk=exception.pk).version

    planner.post(
        f"/triage/{exception.ref}/dismiss/", {"version": version, "reason": "Chatter"}, headers=htmx()
    )

    exception.refresh_from_db()
    review = Review.objects.get()
    assert (exception.status, review.verdict, review.true_type) == ("cancelled", Verdict.DISMISSED, "chatter")
    assert as_("katrin.weber").post(f"/triage/undo/{review.pk}/", headers=htmx()).status_code == 404

    assert planner.post(f"/triage/undo/{review.pk}/", headers=htmx()).status_code == 204

    exception.refresh_from_db()
    assert exception.status == "triage"
    assert Review.objects.get(verdict=Verdict.UNDONE).undoes == review


@pytest.mark.django_db
def test_merging_puts_the_message_into_the_open_record(
    plant: KolbeMini, report: Report, say: Say, as_: As
) -> None:
    standing, exception = report(DOWN), say(LEAK)
    version = ExceptionRecord.objects.get(pk=exception.pk).version

    answer = as_("ingrid.vogel").post(
        f"/triage/{exception.ref}/merge/", {"version": version, "into": standing.ref}, headers=htmx()
    )

    assert answer.status_code == 204
    exception.refresh_from_db()
    assert (exception.status, exception.merged_into) == ("cancelled", standing)
    review = Review.objects.get()
    assert (review.verdict, review.true_type, review.exception) == (
        Verdict.MERGED, "machine_downtime", exception
    )  # fmt: skip


@pytest.mark.django_db
def test_figures_rules_and_words_have_their_pages(plant: KolbeMini, say: Say, as_: As) -> None:
    planner = as_("ingrid.vogel")
    exception = say(LEAK)
    accept(
        planner,
        exception,
        **{"type": "machine_downtime", "work_unit": "PRS-04", "words-work_unit": "old lady"},
    )

    page = planner.get("/triage/accuracy/")
    assert page.context["found"].whole.count == 1
    assert page.context["found"].whole.type_right == 1
    api = planner.get("/api/v1/accuracy/?site=RHF").json()
    assert (api["site"], api["whole"]["count"], api["whole"]["unchanged"]) == ("RHF", 1, 0)
    assert [cell["type"] for cell in api["cells"]] == ["machine_downtime"]

    planner.post(
        "/triage/accuracy/rule/",
        {"type": "machine_downtime", "channel": "chat", "mode": "ask"},
        headers=htmx(),
    )
    assert AcceptancePolicy.objects.get().mode == "ask"
    refused = planner.post(
        "/triage/accuracy/rule/", {"type": "order_change", "channel": "chat", "mode": "open"}, headers=htmx()
    )
    assert refused.status_code == 400

    cue = PlantCue.objects.create(
        site=plant.rhf, phrase="kranzmatik", key="kranzmatik", type=plant.types["tooling"], count=3
    )
    words = planner.get("/triage/words/").content.decode()
    assert "“kranzmatik”" in words
    assert "“old lady”" in words
    planner.post(f"/triage/words/{cue.pk}/", {"use": "1"}, headers=htmx())
    cue.refresh_from_db()
    assert cue.status == "confirmed"
    alias = LearnedAlias.objects.get()
    planner.post(f"/triage/names/{alias.pk}/", {"verb": "withdraw"}, headers=htmx())
    alias.refresh_from_db()
    assert not alias.active


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_desk_is_worked_from_the_keyboard(
    plant: KolbeMini,
    report: Report,
    say: Say,
    open_page: Open,
) -> None:
    first = aside(lambda: say(TWO))
    second = aside(lambda: say(LEAK))
    desk = open_page("ingrid.vogel", "/triage/")
    # on a busy machine a step may outlast the ten seconds in which the last act can be taken back
    desk.evaluate("document.getElementById('last').dataset.stays = '120000'")
    item = desk.locator("#panel [data-item]")
    expect(item).to_have_attribute("data-item", first.ref)
    # the words of a field say what was read, how, and how surely, when the keyboard reaches them
    words = desk.locator("#panel mark[data-says]").first
    words.focus()
    assert "Machine: PRS-03" in str(words.get_attribute("data-says"))
    desk.locator(f"#row-{first.ref}").focus()
    # j and k walk, the panel follows
    desk.keyboard.press("j")
    expect(item).to_have_attribute("data-item", second.ref, timeout=PATIENCE)
    desk.keyboard.press("k")
    expect(item).to_have_attribute("data-item", first.ref, timeout=PATIENCE)
    # one digit answers the one open question, accepts, and the next message is there
    desk.keyboard.press("2")
    expect(item).to_have_attribute("data-item", second.ref, timeout=PATIENCE)
    expect(desk.locator("#last")).to_contain_text(f"{first.ref} is with", timeout=PATIENCE)
    sorted_ = aside(lambda: ExceptionRecord.objects.select_related("work_unit").get(pk=first.pk))
    assert (sorted_.status, sorted_.work_unit and sorted_.work_unit.code) == ("open", "PRS-04")
    # nothing to do, with a reason, and back again
    desk.keyboard.press("x")
    expect(desk.locator("#dialog-title")).to_contain_text("Nothing to do", timeout=PATIENCE)
    desk.keyboard.press("Control+Enter")
    expect(desk.locator("#rows [data-row]")).to_have_count(0, timeout=PATIENCE)
    desk.keyboard.press("u")
    expect(desk.locator(f"#row-{second.ref}")).to_be_visible(timeout=PATIENCE)
    expect(item).to_have_attribute("data-item", second.ref, timeout=PATIENCE)
    # a name is taught by a tap, the machine typed, Enter accepts the whole
    desk.locator(".pick", has_text="old lady").click()
    desk.locator('input[name="typed-work_unit"]').first.fill("PRS-03")
    desk.keyboard.press("Enter")
    expect(desk.locator("#last")).to_contain_text("“old lady” is PRS-03", timeout=PATIENCE)
    expect(desk.locator("#rows [data-row]")).to_have_count(0, timeout=PATIENCE)
    # somebody writes: it is there without a touch
    third = aside(lambda: say("the green monster is leaking oil all over again"))
    expect(desk.locator(f"#row-{third.ref}")).to_be_visible(timeout=PATIENCE)
    expect(item).to_have_attribute("data-item", third.ref, timeout=PATIENCE)
    # what is open already for the same thing is offered for merging
    standing = aside(lambda: report(DOWN))
    fourth = aside(lambda: say("the red devil is leaking oil all over again", sender="U7"))
    expect(desk.locator(f"#row-{fourth.ref}")).to_be_visible(timeout=PATIENCE)
    desk.locator(f"#row-{fourth.ref}").click()
    expect(item).to_have_attribute("data-item", fourth.ref, timeout=PATIENCE)
    desk.locator('input[name="typed-work_unit"]').first.fill("PRS-04")
    desk.keyboard.press("Enter")
    expect(desk.locator("#dialog-title")).to_contain_text("Merge", timeout=PATIENCE)
    expect(desk.locator('#dialog-body select[name="into"]')).to_have_value(first.ref)
    desk.keyboard.press("Control+Enter")
    expect(desk.locator("#last")).to_contain_text(
        f"{fourth.ref} is part of {first.ref} now", timeout=PATIENCE
    )
    assert standing.ref == first.ref
