"""Labels follow the reader: their own language, else the screen's, else the browser's; figures stay as they are."""

import io
import json
import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po
from django.template import Context, Template
from django.test import Client
from django.utils import translation

from boards_app import spoken
from core.languages import known, wished
from plant_app.authentication import DEVICE_COOKIE
from plant_app.languages import LANGUAGE_COOKIE
from plant_app.models import User
from plant_app.services import codes_for, token_of
from plant_app.services.access import issue_badge, pair_device
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("tag", "code"), [("de-CH", "de"), ("pt_BR", "pt"), ("PL", "pl"), ("en-US", "en"), ("fr", ""), ("", "")]
)
def test_a_tag_becomes_a_language_there_are_labels_in(tag: str, code: str) -> None:
    assert known(tag) == code


def test_the_browsers_first_wish_we_can_grant_counts() -> None:
    assert wished("fr-CH, pl;q=0.9, de;q=0.8") == "pl"
    assert wished("fr") == ""
    assert wished("*") == ""


def test_a_stranger_reads_the_door_in_the_language_of_the_browser(client: Client) -> None:
    said = client.get("/login/", headers={"accept-language": "de-DE,de;q=0.9"})
    assert said.headers["Content-Language"] == "de"
    assert '<html lang="de"' in said.content.decode()
    assert '<script src="/words/de.js">' in said.content.decode()
    # and in English nothing more is loaded
    assert "/words/" not in client.get("/login/").content.decode()


def test_a_choice_is_kept_for_the_screen_and_for_the_person(client: Client, plant: KolbeMini) -> None:
    # given somebody who never chose, at a browser that asks for Spanish
    person = plant.people["jonas.keller"]
    client.force_login(person)
    assert client.get("/inbox/", headers={"accept-language": "es"}).headers["Content-Language"] == "es"
    # when they choose Polish
    answer = client.post("/language/", {"language": "pl", "next": "/inbox/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/inbox/")
    assert answer.cookies[LANGUAGE_COOKIE].value == "pl"
    # then it is theirs wherever they log in, and the screen keeps it for whoever has not chosen
    person.refresh_from_db()
    assert person.language == "pl"
    elsewhere = Client()
    elsewhere.force_login(person)
    assert elsewhere.get("/inbox/").headers["Content-Language"] == "pl"
    client.logout()
    client.cookies[LANGUAGE_COOKIE] = "pl"
    assert client.get("/login/").headers["Content-Language"] == "pl"


def test_an_unknown_language_and_a_foreign_address_are_refused(client: Client, plant: KolbeMini) -> None:
    person = plant.people["jonas.keller"]
    client.force_login(person)
    client.post("/language/", {"language": "tlh", "next": "/inbox/"})
    person.refresh_from_db()
    assert person.language == "en"
    answer = client.post("/language/", {"language": "de", "next": "//elsewhere.example/"})
    assert answer.headers["Location"] == "/"
    assert client.get("/words/tlh.js").status_code == 404


def test_the_desk_and_the_api_keep_english(client: Client, plant: KolbeMini) -> None:
    person = plant.people["jonas.keller"]
    User.objects.filter(pk=person.pk).update(language="de")
    client.force_login(person)
    assert "Content-Language" not in client.get("/").headers
    assert "Content-Language" not in client.get("/api/v1/exceptions/").headers


@pytest.mark.parametrize("code", ["de", "es", "pl", "pt"])
def test_figures_and_dates_keep_one_spelling(code: str) -> None:
    with translation.override(code):
        shown = Template("{{ half }} {{ many|floatformat:'1g' }}").render(
            Context({"half": 0.5, "many": 1200.5})
        )
    assert shown == "0.5 1,200.5"


# --- the catalogues -----------------------------------------------------------------------------------------
LOCALE = Path(__file__).parents[2] / "locale"
TRANSLATED = ("de", "es", "pl", "pt")


def _figures(words: str) -> set[str]:
    """What a label is filled with: {name} and %(name)s; its markup counts too."""
    braces = {name for _text, name, _spec, _conv in Formatter().parse(words) if name}
    return braces | set(re.findall(r"%\(\w+\)s", words)) | set(re.findall(r"<[^>]+>", words))


@pytest.mark.parametrize("code", TRANSLATED)
@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_a_translation_keeps_every_figure_and_every_tag_of_its_label(code: str, domain: str) -> None:
    catalogue = read_po(
        io.BytesIO((LOCALE / code / "LC_MESSAGES" / f"{domain}.po").read_bytes()), locale=code
    )
    lost = []
    for message in catalogue:
        singular = message.id if isinstance(message.id, str) else message.id[0]
        said = [message.string] if isinstance(message.string, str) else list(message.string)
        lost += [words for words in said if singular and words and _figures(words) != _figures(singular)]
    assert lost == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("de", ["noch 4 min", "3 min drüber", "3 Tage 11 h", "jetzt"]),
        ("pl", ["jeszcze 4 min", "3 min po czasie", "3 dni 11 h", "teraz"]),
        ("en", ["4 min left", "3 min over", "3 days 11 h", "now"]),
    ],
)
def test_durations_are_said_in_the_readers_language(code: str, said: list[str]) -> None:
    with translation.override(code):
        spoke = [spoken.left_words(4), spoken.left_words(-3), spoken.span(5000), spoken.gone(0.2)]
        large = Template("{% load ui %}{{ minutes|figure }}").render(Context({"minutes": 5000}))
    assert spoke == said
    assert large == f"3<small> {said[2].split()[1]} </small>11<small> h</small>"


@pytest.mark.parametrize("code", TRANSLATED)
def test_scripts_get_their_labels(client: Client, code: str) -> None:
    script = client.get(f"/words/{code}.js").content.decode()
    catalogue = json.loads(re.search(r"const newcatalog = (\{.*?\});", script, re.S).group(1))  # type: ignore[union-attr]
    assert catalogue["no network"] != "no network"
    assert "{what}" in catalogue["{what}, sent"]


# --- the pages ----------------------------------------------------------------------------------------------
STATION = {
    "de": ("Läuft wieder", "Ausschuss", "Wer sind Sie?"),
    "es": ("Vuelve a funcionar", "Rechazo", "¿Quién es usted?"),
    "pl": ("Znowu działa", "Braki", "Kto tu jest?"),
    "pt": ("Voltou a funcionar", "Refugo", "Quem é?"),
}
ENGLISH = {
    "station": (
        "It runs again",
        "Scrap",
        "Who are you?",
        "In your own words",
        "Nothing is open",
        "Voice note",
    ),
    "qr": ("What is wrong?", "Send report", "In your own words", "Running", "You report as"),
    "inbox": ("Acknowledge", "You are asked to", "To do", "My inbox", "Sign out", "Connecting"),
}


def test_the_floors_pages_speak_every_language_and_keep_what_people_wrote(
    plant: KolbeMini, report: Report, as_: As
) -> None:
    # given a machine that stands, told in English
    exception = report("CNC-06 down, spindle vibration")
    (printed,) = codes_for(work_units=[plant.units["CNC-06"]])
    pages = {
        "station": ("piotr.nowak", "/stations/MILL5/?unit=CNC-06"),
        "qr": ("piotr.nowak", f"/r/{token_of(printed)}/"),
        "inbox": (str(exception.owner.username), "/inbox/"),  # type: ignore[union-attr]
    }
    for code in TRANSLATED:
        shown = {}
        for name, (reader, path) in pages.items():
            browser = as_(reader)
            browser.cookies[LANGUAGE_COOKIE] = code
            answer = browser.get(path)
            assert answer.headers["Content-Language"] == code
            shown[name] = answer.content.decode()
        # then no label is English, and the words of the plant and its figures stay
        left = [
            (name, words)
            for name, labels in ENGLISH.items()
            for words in labels
            if f">{words}" in shown[name]
        ]
        assert left == [], code
        assert all(words in shown["station"] for words in STATION[code])
        assert "spindle vibration" in shown["station"]
        assert "spindle vibration" in shown["inbox"]
        assert "WO-118219" in shown["station"]
        assert "WO-118219" in shown["qr"]


def test_a_badge_turns_the_tablet_for_whoever_holds_it_and_for_nobody_else(plant: KolbeMini) -> None:
    # given a German tablet, and Piotr, who reads Polish
    type(plant.rhf).objects.filter(pk=plant.rhf.pk).update(language="de")
    User.objects.filter(username="piotr.nowak").update(language="pl")
    issue_badge(person=plant.people["piotr.nowak"], code="0471")
    issue_badge(person=plant.people["jonas.keller"], code="0999")
    _device, secret = pair_device(site=plant.rhf, name="Tablet mill", work_centre=plant.centres["MILL5"])
    tablet = Client()
    tablet.cookies[DEVICE_COOKIE] = secret

    def heading() -> str:
        page = tablet.get("/stations/MILL5/")
        lang = re.search(r'<html lang="(\w+)"', page.content.decode())
        assert lang is not None
        assert page.headers["Content-Language"] == lang.group(1)
        return lang.group(1)

    assert heading() == "de"
    # when he holds his badge up
    tablet.post("/stations/MILL5/person/", {"badge": "0471"})
    assert heading() == "pl"
    # and steps down, or another steps up
    tablet.post("/stations/MILL5/person/", {"badge": ""})
    assert heading() == "de"
    tablet.post("/stations/MILL5/person/", {"badge": "0999"})
    assert heading() == "de"
    # what somebody chooses at the tablet is theirs; English, too, though it is what the source is written in
    tablet.post("/language/", {"language": "en", "next": "/stations/MILL5/"})
    assert heading() == "en"
    tablet.post("/stations/MILL5/person/", {"badge": ""})
    assert heading() == "de"
    assert LANGUAGE_COOKIE not in tablet.cookies


def test_a_fragment_speaks_as_the_page_it_goes_into(plant: KolbeMini, as_: As) -> None:
    browser = as_("jonas.keller")
    browser.cookies[LANGUAGE_COOKIE] = "de"
    asked = {"HX-Request": "true", "HX-Current-URL": "http://testserver/inbox/?tab=do"}
    assert ">Eingang<" in browser.get("/nav/", headers=asked).content.decode()
    asked["HX-Current-URL"] = "http://testserver/"
    assert ">My inbox<" in browser.get("/nav/", headers=asked).content.decode()
