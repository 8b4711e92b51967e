"""A second person approves the draft where a site asks for it; a version keeps who did; going back is one step."""

import pghistory
import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from core.errors import DomainError, NotAllowed, StaleVersion, TransitionRefused
from plant_app.models import AccessGrant, AccessRole, Site, User
from routing_app import services
from routing_app.models import ApprovalStatus, PublishingPolicy, Rule, RuleApproval, RuleVersion
from routing_app.selectors import draft_authors, draft_spec

PUBLISH = "admin:routing_app_rule_publish"


@pytest.fixture
def second(site: Site) -> User:
    """Another administrator."""
    user = User.objects.create_user("marek.nowak", password="a long password", is_staff=True)
    AccessGrant.objects.create(user=user, site=site, role=AccessRole.ADMINISTRATOR)
    return user


@pytest.fixture
def strict(published: RuleVersion, site: Site) -> RuleVersion:
    """A site that asks for a second person."""
    PublishingPolicy.objects.create(site=site, second_person=True)
    return published


def edit(actor: User | None = None, role: str = "maintenance_lead") -> None:
    """Somebody edits one rule of the draft."""
    with pghistory.context(user=actor.pk if actor else None):
        Rule.objects.filter(code="downtime").update(owner_role=role)


def refused(call: object, **given: object) -> str:
    with pytest.raises(DomainError) as refusal:
        call(**given)  # type: ignore[operator]
    return refusal.value.code


def test_without_the_setting_one_person_publishes(published: RuleVersion, administrator: User) -> None:
    edit(administrator)

    version = services.publish(actor=administrator)

    assert (version.number, version.published_by, version.approved_by) == (2, administrator, None)


def test_nobody_publishes_alone_where_a_second_person_is_wanted(
    strict: RuleVersion, administrator: User
) -> None:
    edit(administrator)

    assert refused(services.publish, actor=administrator) == "routing.approval_needed"
    assert refused(services.publish, actor=None) == "routing.approval_needed"
    assert RuleVersion.objects.count() == 1


def test_another_administrator_approves_and_the_version_says_so(
    strict: RuleVersion, administrator: User, second: User
) -> None:
    before = services.route(facts={"type": "machine_downtime"}, origin_ref="early")
    edit(administrator)
    asked = services.ask_approval(actor=administrator, note="Lead first")

    version = services.approve(pk=asked.pk, actor=second)

    assert (version.number, version.published_by, version.approved_by, version.note) == (
        2, administrator, second, "Lead first",
    )  # fmt: skip
    assert version.approved_at is not None
    assert RuleApproval.objects.get().status == ApprovalStatus.APPROVED
    after = services.route(facts={"type": "machine_downtime"}, origin_ref="late")
    assert (before.outcome.owner_role, after.outcome.owner_role) == ("technician", "maintenance_lead")
    again = services.reevaluate(case=before.case, facts={"severity": "high"})
    assert (again.case.version_id, again.outcome.owner_role) == (strict.pk, "technician")


def test_neither_who_asks_nor_who_edited_approves(
    strict: RuleVersion, administrator: User, second: User, planner: User
) -> None:
    edit(second)
    asked = services.ask_approval(actor=administrator)

    assert draft_authors() == {second.pk}
    assert refused(services.approve, pk=asked.pk, actor=administrator) == "routing.own_draft"
    assert refused(services.approve, pk=asked.pk, actor=second) == "routing.own_draft"
    assert refused(services.approve, pk=asked.pk, actor=planner) == "routing.not_administrator"
    assert refused(services.send_back, pk=asked.pk, actor=administrator, reason="no") == "routing.own_draft"
    asked.refresh_from_db()
    assert (asked.status, RuleVersion.objects.count()) == (ApprovalStatus.WAITING, 1)


def test_an_edit_after_asking_makes_the_request_worthless(
    strict: RuleVersion, administrator: User, second: User
) -> None:
    edit(administrator)
    asked = services.ask_approval(actor=administrator)
    edit(administrator, role="engineer")

    with pytest.raises(StaleVersion) as refusal:
        services.approve(pk=asked.pk, actor=second)

    assert refusal.value.code == "routing.draft_moved"
    asked.refresh_from_db()
    assert (asked.status, RuleVersion.objects.count()) == (ApprovalStatus.WAITING, 1)
    anew = services.ask_approval(actor=administrator)
    asked.refresh_from_db()
    assert asked.status == ApprovalStatus.WITHDRAWN
    assert services.approve(pk=anew.pk, actor=second).number == 2


def test_sent_back_with_a_reason_taken_back_by_whoever_asked(
    strict: RuleVersion, administrator: User, second: User
) -> None:
    edit(administrator)
    asked = services.ask_approval(actor=administrator)

    assert refused(services.send_back, pk=asked.pk, actor=second, reason=" ") == "routing.reason_missing"
    services.send_back(pk=asked.pk, actor=second, reason="Who covers nights?")
    assert refused(services.approve, pk=asked.pk, actor=second) == "routing.approval_answered"
    anew = services.ask_approval(actor=administrator)
    with pytest.raises(NotAllowed):
        services.withdraw(pk=anew.pk, actor=second)
    services.withdraw(pk=anew.pk, actor=administrator)

    assert list(RuleApproval.objects.order_by("pk").values_list("status", "reason")) == [
        ("refused", "Who covers nights?"),
        ("withdrawn", ""),
    ]
    assert RuleVersion.objects.count() == 1


def test_what_could_not_be_published_can_not_be_asked_for(strict: RuleVersion, administrator: User) -> None:
    with pytest.raises(TransitionRefused) as refusal:
        services.ask_approval(actor=administrator)

    assert refusal.value.code == "routing.nothing_to_publish"
    assert not RuleApproval.objects.exists()


def test_the_database_refuses_an_approval_of_ones_own(strict: RuleVersion, administrator: User) -> None:
    edit(administrator)
    asked = services.ask_approval(actor=administrator)

    with pytest.raises(IntegrityError), transaction.atomic():
        RuleApproval.objects.filter(pk=asked.pk).update(status="approved", decided_by=administrator)
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleApproval.objects.create(asked_by=administrator, digest="x")


def test_going_back_is_one_step_and_a_version_of_its_own(
    strict: RuleVersion, administrator: User, second: User
) -> None:
    edit(administrator)
    services.approve(pk=services.ask_approval(actor=administrator).pk, actor=second)

    back = services.roll_back(number=1, actor=administrator)

    assert (back.number, back.restores, back.published_by, back.approved_by) == (3, 1, administrator, None)
    assert draft_spec().as_dict() == strict.snapshot
    assert services.route(facts={"type": "machine_downtime"}).outcome.owner_role == "technician"


def test_the_page_walks_two_people_through(strict: RuleVersion, administrator: User, second: User) -> None:
    edit(administrator)
    mine, other = Client(), Client()
    mine.force_login(administrator)
    other.force_login(second)

    page = mine.get(reverse(PUBLISH)).content.decode()
    assert "Ask for approval" in page
    assert "Publish as version" not in page
    mine.post(reverse("admin:routing_app_rule_ask"), {"note": "Lead first"})
    waiting = mine.get(reverse(PUBLISH)).content.decode()
    assert "another administrator approves it" in waiting
    assert "Approve and publish" not in waiting
    asked = RuleApproval.objects.get()
    approve = reverse("admin:routing_app_rule_answer", args=[asked.pk, "approve"])
    assert other.get(approve).status_code == 405
    assert "You edited this draft or asked" in mine.post(approve, follow=True).content.decode()
    assert "Approve and publish" in other.get(reverse(PUBLISH)).content.decode()
    assert "Version 2 routes from now on." in other.post(approve, follow=True).content.decode()

    assert RuleVersion.objects.get(number=2).approved_by == second
