"""What waits for approval keeps waiting for it, whatever was wrong with it and whoever sends it again."""

from typing import Any

import pytest

from core import clock
from erp_sync import services
from erp_sync.models import ErpConnection, Posting, PostingPolicy
from plant_app.models import AccessRole, Capability, Constraint, ConstraintKind, Level, Site, User
from plant_app.services import set_level
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NEGATIVE = {"item": "SP-12", "quantity": "-5", "from_location": "A", "to_location": "B"}


def person_at(site: Site, role: AccessRole) -> User:
    user = make.UserFactory()
    make.AccessGrantFactory(user=user, site=site, role=role)
    return user


@pytest.fixture
def planner(site: Site) -> User:
    return person_at(site, AccessRole.PLANNER)


@pytest.fixture
def boss(site: Site) -> User:
    return person_at(site, AccessRole.LEADER)


def mended(posting: Posting, actor: User) -> Posting:
    payload = {**posting.payload, "quantity": "5"}
    return services.edit_and_retry(posting_id=posting.pk, payload=payload, actor=actor, reason="typo")


def test_a_final_confirmation_refused_for_a_hold_waits_for_approval_once_the_hold_is_lifted(
    erp: Books, main: ErpConnection, queue: Queue, site: Site, planner: User, boss: User
) -> None:
    PostingPolicy.objects.create(connection=main, mode="approval", approver_role=AccessRole.LEADER)
    operation = make.OperationFactory(work_order=make.WorkOrderFactory(site=site))
    hold = make.ConstraintFactory(site=site, kind=ConstraintKind.HOLD, operation=operation)
    payload = {
        "work_order": operation.work_order.number,
        "operation": str(operation.number),
        "yield_qty": "1",
        "final": True,
    }
    posting = queue(kind="confirmation", payload=payload, keep_invalid=True)
    assert (posting.status, posting.error_code) == ("rejected", "erp.payload_invalid")
    assert (posting.approval_reason, posting.approver_role) == ("this kind is sent after approval", "leader")
    Constraint.objects.filter(pk=hold.pk).update(lifted_at=clock.now())

    again = services.retry(posting_id=posting.pk, actor=planner)

    assert (again.status, again.approver_role) == ("approval", "leader")
    services.send_due()
    assert erp.sends == []
    services.approve(posting_id=posting.pk, actor=boss)
    services.send_due()
    assert erp.keys() == [posting.business_key]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [(True, "asked for where it was decided"), (False, "everything here is sent after approval")],
)
@pytest.mark.parametrize("again", ["edited", "sent again"])
def test_what_the_site_or_the_decision_wants_approved_is_not_lost_with_a_bad_payload(
    erp: Books, queue: Queue, site: Site, planner: User, asked: bool, reason: str, again: str
) -> None:
    if not asked:
        set_level(site=site, capability=Capability.WRITE_BACK, level=Level.APPROVAL, type_=None, actor=None)
    posting = queue(payload=NEGATIVE, keep_invalid=True, needs_approval=asked)
    assert posting.status == "rejected"

    left = (
        mended(posting, planner)
        if again == "edited"
        else services.retry(posting_id=posting.pk, actor=planner)
    )

    assert (left.status, left.approval_reason) == ("approval", reason)
    services.send_due()
    assert erp.sends == []


def test_a_bad_payload_nobody_wants_approved_is_mended_and_sent(
    erp: Books, queue: Queue, planner: User
) -> None:
    posting = mended(queue(payload=NEGATIVE, keep_invalid=True), planner)
    assert (posting.status, posting.approval_reason) == ("queued", "")
    services.send_due()
    assert erp.keys() == [posting.business_key]


def test_refused_by_erp_an_approved_one_is_sent_again_without_asking_twice(
    erp: Books, main: ErpConnection, queue: Queue, planner: User, boss: User
) -> None:
    PostingPolicy.objects.create(connection=main, mode="approval")
    erp.then(scripted.refuse())
    posting = queue()
    services.approve(posting_id=posting.pk, actor=boss)
    services.send_due()

    assert services.retry(posting_id=posting.pk, actor=planner).status == "queued"
    services.send_due()
    assert erp.keys() == [posting.business_key]


@pytest.mark.parametrize("drifted", [True, False])
def test_what_nobody_ever_approved_is_not_sent_again_past_a_policy_made_since(
    erp: Books, main: ErpConnection, queue: Queue, planner: User, drifted: bool
) -> None:
    erp.then(scripted.refuse("erp.drifted", "another date") if drifted else scripted.refuse())
    posting = queue()
    services.send_due()
    posting.refresh_from_db()
    assert posting.status == ("held" if drifted else "rejected")
    PostingPolicy.objects.create(connection=main, mode="approval")

    left: Any = services.retry(posting_id=posting.pk, actor=planner)

    assert (left.status, left.approval_reason) == ("approval", "this kind is sent after approval")
    services.send_due()
    assert (len(erp.sends), erp.keys()) == (1, [])
