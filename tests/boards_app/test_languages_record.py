"""The record page, its questions, the page behind a notice's link and the mail: in the language of whoever reads.

What people and the site wrote stays as it was written.
"""

import pytest
from django.test import Client

from notify_app import services
from notify_app.models import Notice
from notify_app.services.composing import letters_for
from plant_app.models import ExceptionType, User
from tests.boards_app.conftest import As
from tests.boards_app.pages import DOWN, htmx
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db

#: The type, its status, a section and an option of the playbook, as the page has them.
SAID = {
    "de": ("Maschinenstillstand", "Quittiert", "Betroffene Funktionen", "Reparieren und weiterfahren"),
    "es": ("Parada de máquina", "Recibido", "Funciones afectadas", "Reparar y seguir"),
    "pl": ("Postój maszyny", "Przyjęto", "Działy, których dotyczy", "Naprawić i wznowić"),
    "pt": ("Parada de máquina", "Recebido", "Funções afetadas", "Reparar e retomar"),
}


def speaks(plant: KolbeMini, username: str, code: str) -> User:
    """Somebody who chose a language."""
    person = plant.people[username]
    User.objects.filter(pk=person.pk).update(language=code, email=f"{username}@kolbe.example")
    person.refresh_from_db()
    return person


@pytest.mark.parametrize("code", ["de", "es", "pl", "pt"])
def test_the_record_speaks_the_readers_language(plant: KolbeMini, report: Report, as_: As, code: str) -> None:
    found = report(DOWN)
    title = found.title
    speaks(plant, "ingrid.vogel", code)
    answer = as_("ingrid.vogel").get(f"/exceptions/{found.ref}/")
    html = answer.content.decode()
    assert answer.headers["Content-Language"] == code
    for words in SAID[code]:
        assert words in html
    for english in (
        "Machine downtime",
        "Affected functions",
        "Your next step",
        "Repair and resume",
        ">Acknowledge ",
    ):
        assert english not in html
    # what was written stays: the title, and the reporter's own words
    assert f"<h1>{title}</h1>" in html
    assert ">press 4</mark>" in html


def test_words_a_site_chose_itself_are_shown_as_they_are(plant: KolbeMini, report: Report, as_: As) -> None:
    found = report(DOWN)
    ExceptionType.objects.filter(code="machine_downtime").update(name="Anlage steht still")
    speaks(plant, "ingrid.vogel", "pl")
    html = as_("ingrid.vogel").get(f"/exceptions/{found.ref}/").content.decode()
    assert "Anlage steht still" in html
    assert "Postój maszyny" not in html


def test_its_questions_are_asked_in_it_too(plant: KolbeMini, report: Report, as_: As) -> None:
    found = report(DOWN)
    speaks(plant, "ingrid.vogel", "de")
    html = (
        as_("ingrid.vogel").get(f"/exceptions/{found.ref}/dialogs/reroute/", headers=htmx()).content.decode()
    )
    assert f"{found.ref} jemand anderem übergeben" in html
    assert ">Instandhaltung</option>" in html
    assert "Umleiten" in html
    # and in English nothing changes
    speaks(plant, "ingrid.vogel", "en")
    html = (
        as_("ingrid.vogel").get(f"/exceptions/{found.ref}/dialogs/reroute/", headers=htmx()).content.decode()
    )
    assert f"Give {found.ref} to another owner" in html
    assert ">Maintenance</option>" in html


@pytest.mark.parametrize(
    ("code", "verb", "button", "type_name"),
    [
        ("pl", ", przyjąć do ", "Odpowiedzieć", "Postój maszyny"),
        ("de", ", quittieren bis ", "Antworten", "Maschinenstillstand"),
        ("en", ", acknowledge by ", "Answer", "Machine downtime"),
    ],
)
def test_a_notice_is_written_for_whoever_is_told(
    plant: KolbeMini, report: Report, code: str, verb: str, button: str, type_name: str
) -> None:
    speaks(plant, "jonas.keller", code)
    found = report(DOWN)
    notice = Notice.objects.select_related("person", "exception__type", "response").get(
        person=plant.people["jonas.keller"], channel="in_app", exception=found
    )
    assert verb in notice.subject
    assert found.title in notice.subject  # the record's own title stays as it was written
    assert notice.body.startswith(type_name)
    notice.channel = "email"
    [letter] = letters_for([[notice]])
    assert f"\n{button}: http" in letter.text
    assert f'<html lang="{code}">' in letter.html
    assert f">{button}</a" in letter.html
    assert found.title in letter.html
    # many at once are one letter, in the same language
    [many] = letters_for([[notice, notice]])
    assert many.subject.startswith(
        {"pl": "2 dalsze sprawy", "de": "2 weitere Fälle", "en": "2 further exceptions"}[code]
    )


def test_the_page_behind_a_link_speaks_to_whom_it_was_sent(
    plant: KolbeMini, report: Report, client: Client
) -> None:
    person = speaks(plant, "jonas.keller", "pl")
    found = report(DOWN)
    notice = Notice.objects.get(person=person, channel="in_app", exception=found)
    path = "/n/" + services.answer_url(notice).split("/n/", 1)[1]
    # whatever the browser asks for
    shown = client.get(path, headers={"accept-language": "de"})
    html = shown.content.decode()
    assert shown.headers["Content-Language"] == "pl"
    assert "Odmówić" in html
    assert "Postój maszyny" in html
    assert found.title in html
    done = client.post(path, {"answer": "acknowledge"}).content.decode()
    assert f"Dziękujemy, {person}." in done
    # a link that is none speaks the browser's
    refused = client.get("/n/zz-1/", headers={"accept-language": "de"})
    assert refused.status_code == 404
    assert "Dieser Link gilt nicht mehr." in refused.content.decode()
