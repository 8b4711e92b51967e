"""A ladder's level may name one channel beside what people wish; it is frozen with the route."""

import pytest

from notify_app.models import Notice, Preference
from plant_app.models import User
from routing_app import services as routing
from routing_app.models import LadderStep
from routing_app.words import CHANNELS
from tests.decisions_app.conftest import Report, response_of
from tests.notify_app.conftest import Mailbox
from tests.plant_fixtures import KolbeMini

NOTHING: dict[str, list[str]] = {urgency: [] for urgency in ("critical", "high", "normal", "low")}


@pytest.fixture(autouse=True)
def addresses(plant: KolbeMini) -> None:
    """Everybody has an address and wishes to be told in the portal only."""
    for person in plant.people.values():
        person.email = f"{person.username}@kolbe.example"
        Preference.objects.create(user=person, channels=NOTHING)
    User.objects.bulk_update(plant.people.values(), ["email"])


def test_the_levels_channel_reaches_who_stands_on_it_and_nobody_else(
    plant: KolbeMini, report: Report, mailbox: Mailbox
) -> None:
    routing.load_default_rules()
    LadderStep.objects.filter(ladder__code="MNT").update(channel="email")
    routing.publish(actor=None, note="Mail to whoever stands on the ladder")

    exception = report("press 4 down, hydraulic leak")

    response = response_of(exception, "maintenance")
    assert [rung.get("channel") for rung in response.ladder] == ["email"] * len(response.ladder)
    mailed = set(Notice.objects.filter(channel="email").values_list("response_id", flat=True))
    assert mailed == {response.pk}
    assert len(mailbox.to(f"{response.person.username}@kolbe.example")) == 1  # type: ignore[union-attr]
    LadderStep.objects.filter(ladder__code="MNT").update(channel="")
    response.refresh_from_db()
    assert response.ladder[0]["channel"] == "email"


def test_the_two_layers_know_the_same_channels() -> None:
    known = {code for code, _ in Notice._meta.get_field("channel").flatchoices}

    assert known == {"in_app", *CHANNELS}
