"""What a reversal is bound to, who makes it, and what is promised of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.errors import InvalidInput
from erp_sync import services
from erp_sync.models import Posting
from plant_app.models import AccessRole, Capability, Level, Site, User
from plant_app.services import set_level
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books


def person_at(site: Site, role: AccessRole) -> User:
    user: User = make.UserFactory()
    make.AccessGrantFactory(user=user, site=site, role=role)
    return user


@pytest.fixture
def planner(site: Site) -> User:
    return person_at(site, AccessRole.PLANNER)


@pytest.fixture
def confirmed(erp: Books, queue: Queue) -> Callable[..., Posting]:
    def bring(**given: Any) -> Posting:
        posting = queue(**given)
        services.send_due()
        posting.refresh_from_db()
        assert posting.status == "confirmed"
        return posting

    return bring


@pytest.mark.parametrize("where", ["", "check/"])
def test_a_reversal_is_not_posted_past_what_it_takes_back(
    erp: Books, confirmed: Callable[..., Posting], site: Site, where: str
) -> None:
    posting = confirmed()
    client = Client()
    client.force_login(person_at(site, AccessRole.INTEGRATOR))
    body = {
        "kind": "reversal",
        "site": site.code,
        "occurred_at": posting.occurred_at.isoformat(),
        "reason": "wrong lot",
        "payload": {
            "reverses": posting.business_key,
            "reverses_kind": posting.kind,
            "reverses_number": posting.erp_number,
            "original": posting.payload,
            "reason_code": "x",
        },
    }

    answer = client.post(f"/api/v1/postings/{where}", body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "erp.use_reverse")
    assert "/reverse/" in answer.json()["hint"]
    assert not Posting.objects.filter(kind="reversal").exists()
    services.send_due()
    assert erp.keys() == [posting.business_key]


@pytest.mark.parametrize("name", ["reverses", "reverses_kind", "reverses_number", "original", "seen"])
def test_a_refused_reversal_can_not_be_pointed_at_another_document(
    erp: Books, confirmed: Callable[..., Posting], planner: User, name: str
) -> None:
    posting, other = confirmed(), confirmed()
    erp.then(scripted.refuse())
    back = services.reverse(posting_id=posting.pk, reason="wrong", actor=planner)
    services.send_due()
    elsewhere = {
        "reverses": other.business_key,
        "reverses_kind": "cost",
        "reverses_number": other.erp_number,
        "original": {**other.payload, "quantity": "500"},
        "seen": {"stock": "0"},
    }[name]

    payload = {**back.payload, name: elsewhere}
    with pytest.raises(InvalidInput) as caught:
        services.edit_and_retry(posting_id=back.pk, payload=payload, actor=planner, reason="why")
    assert caught.value.code == "erp.identity_fixed"
    back.refresh_from_db()
    assert (back.status, back.payload.get(name) != elsewhere) == ("rejected", True)
    assert not back.edits.exists()


# --- what is promised ---------------------------------------------------------------------------------------
NO = "this ERP takes back no transfer; book it back there"


def test_what_the_connector_does_not_take_back_is_not_promised(
    erp: Books, confirmed: Callable[..., Posting], planner: User, site: Site
) -> None:
    posting = confirmed()
    client = Client()
    client.force_login(planner)

    def promised() -> list[str]:
        body = {
            "kind": posting.kind,
            "site": site.code,
            "payload": posting.payload,
            "occurred_at": posting.occurred_at.isoformat(),
        }
        ahead = client.post("/api/v1/postings/check/", body, content_type="application/json").json()
        assert ahead["no_way_back"] == ""
        return [client.get(f"/api/v1/postings/{posting.pk}/").json()["way_back"], ahead["way_back"]]

    assert promised() == ["the goods move back"] * 2
    erp.unsupported["reversal"] = NO
    erp.up = False
    assert promised() == [f"nothing in ERP, it is only noted here: {NO}"] * 2
    back = services.reverse(posting_id=posting.pk, reason="wrong", actor=planner)
    assert (back.status, back.local_reason) == ("local", NO)
    assert erp.look_ups == []


def test_what_a_person_keyed_is_promised_as_the_person_takes_it_back(
    erp: Books, queue: Queue, planner: User, site: Site
) -> None:
    erp.unsupported["reversal"] = NO
    set_level(site=site, capability=Capability.WRITE_BACK, level=Level.MANUAL, type_=None, actor=None)
    keyed = queue()
    assert services.way_back(keyed).words == "the goods move back"
    services.note_keyed(posting_id=keyed.pk, erp_number="MB-1", actor=planner)
    keyed.refresh_from_db()
    assert services.way_back(keyed).words == "the goods move back"


def test_what_was_kept_here_is_taken_back_here(erp: Books, queue: Queue) -> None:
    local = queue(local_reason="this ERP has no such thing")
    found = services.way_back(local)
    assert found.here
    assert found.words == "nothing in ERP, it is only noted here: this ERP has no such thing"
