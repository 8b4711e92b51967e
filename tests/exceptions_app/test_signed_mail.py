"""Who an outside mail is from: the company in its signature, or the one whose address it came from."""

from typing import Any

import pytest

from exceptions_app import services
from exceptions_app.channels.mail.message import read_mail
from exceptions_app.models import Channel, Interpretation, Source
from exceptions_app.services.channels.mail import payload_of
from plant_app.models import Customer, Supplier
from tests.plant_fixtures import KolbeMini

TEXT = "Subject: Change\n\nPlease postpone our order.\n\nKind regards\nLars\n{signature}\n"


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    Customer.objects.create(code="C-901", name="Nordic Agro", email="orders@nordic.example")
    Customer.objects.create(code="C-902", name="Truckline Polska")
    Supplier.objects.create(code="S-901", name="Lakmet Coatings")
    return Source.objects.create(
        code="box", name="Box", channel=Channel.EMAIL, site=plant.rhf, config={"known": ["example.com"]}
    )


def partners(source: Source, signature: str, **more: Any) -> dict[str, tuple[str, str]]:
    """Kind -> code and method of the partners read in a mail signed so."""
    raw = TEXT.format(signature=signature).replace("\n\n", "\nFrom: lars@example.com\n\n", 1)
    mail = read_mail(raw.encode())
    assert signature not in mail.text
    told = {"sender": "lars@example.com", "sender_verified": True, **more}
    received = services.receive_signal(
        source=source, external_id="m", text=mail.text, payload=payload_of(mail, {}), **told
    )
    services.read_signal(signal_id=received.signal.pk)
    fields = Interpretation.objects.get(signal=received.signal).fields
    return {
        field["name"]: (field["value"], field["method"])
        for field in fields
        if field["name"] in ("customer", "supplier")
    }


def test_who_signs_is_who_writes(source: Source) -> None:
    assert partners(source, "Truckline Polska Sp. z o.o.") == {"customer": ("C-902", "name")}


def test_two_companies_in_one_signature_are_none(source: Source) -> None:
    assert partners(source, "Truckline Polska, a company of Lakmet Coatings") == {}


def test_a_customer_s_address_says_who_it_is(source: Source) -> None:
    assert partners(source, "Purchasing", sender="Orders@Nordic.example") == {
        "customer": ("C-901", "context")
    }


def test_an_address_that_is_not_proven_says_nothing(source: Source) -> None:
    assert partners(source, "Purchasing", sender="orders@nordic.example", sender_verified=False) == {}


def test_a_colleague_s_signature_names_no_partner(source: Source, plant: KolbeMini) -> None:
    assert partners(source, "Ana, speaking for Truckline Polska", reporter=plant.people["jonas.keller"]) == {}
