"""Labels follow the reader: their own language, else the screen's, else the browser's; figures stay as they are."""

import pytest
from django.template import Context, Template
from django.test import Client
from django.utils import translation

from core.languages import known, wished
from plant_app.languages import LANGUAGE_COOKIE
from plant_app.models import User
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
