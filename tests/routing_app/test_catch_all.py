"""The database keeps the catch-all: whoever writes, by whatever way."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

from plant_app.models import Function
from routing_app.models import CATCH_ALL_ORDER, Rule, RuleCondition, RuleVersion


def _sql(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text)


def _at_once(attempt: Callable[[], object]) -> None:
    """The attempt with the check that otherwise waits for the commit."""
    with transaction.atomic():
        attempt()
        _sql("SET CONSTRAINTS ALL IMMEDIATE")


def _second() -> None:
    Rule.objects.create(
        code="second", name="Second", order=CATCH_ALL_ORDER, is_catch_all=True, kind="route",
        owner_function=Function.objects.get(code="planning"), owner_role="planner",
    )  # fmt: skip


ATTEMPTS: list[tuple[str, Callable[[], object]]] = [
    ("delete", lambda: Rule.objects.get(is_catch_all=True).delete()),
    ("bulk delete", lambda: Rule.objects.all().delete()),
    ("delete by SQL", lambda: _sql("DELETE FROM routing_app_rule WHERE is_catch_all")),
    ("switch off", lambda: Rule.objects.filter(is_catch_all=True).update(enabled=False)),
    ("move up", lambda: Rule.objects.filter(is_catch_all=True).update(order=5)),
    ("make it an add rule", lambda: Rule.objects.filter(is_catch_all=True).update(kind="add")),
    ("demote", lambda: Rule.objects.filter(is_catch_all=True).update(is_catch_all=False, order=999_999)),
    ("take its owner", lambda: Rule.objects.filter(is_catch_all=True).update(owner_role="")),
    ("give it a condition", lambda: RuleCondition.objects.create(
        rule=Rule.objects.get(is_catch_all=True), fact="site", operator="is", value="RHF")),
    ("move a condition to it", lambda: RuleCondition.objects.filter(rule__code="flood").update(
        rule=Rule.objects.get(is_catch_all=True))),
    ("a second one", _second),
    ("a rule after it", lambda: Rule.objects.filter(code="tooling").update(order=CATCH_ALL_ORDER + 1)),
]  # fmt: skip


@pytest.mark.parametrize(("_case", "attempt"), ATTEMPTS)
def test_the_database_refuses(published: RuleVersion, _case: str, attempt: Callable[[], object]) -> None:
    before = Rule.objects.filter(is_catch_all=True).values().get()
    rules = Rule.objects.count()

    with pytest.raises(DatabaseError):
        _at_once(attempt)

    assert Rule.objects.filter(is_catch_all=True).values().get() == before
    assert Rule.objects.count() == rules
    assert not RuleCondition.objects.filter(rule__is_catch_all=True).exists()


def test_its_owner_may_change(published: RuleVersion) -> None:
    Rule.objects.filter(is_catch_all=True).update(owner_role="planning_lead")

    assert Rule.objects.get(is_catch_all=True).owner_role == "planning_lead"


def test_two_rules_never_share_a_place_but_may_swap_inside_a_transaction(published: RuleVersion) -> None:
    first, second = Rule.objects.order_by("order")[:2]

    with transaction.atomic():
        Rule.objects.filter(pk=first.pk).update(order=second.order)
        Rule.objects.filter(pk=second.pk).update(order=first.order)
    with pytest.raises(DatabaseError):
        _at_once(lambda: Rule.objects.filter(pk=first.pk).update(order=first.order))

    assert Rule.objects.order_by("order").first() == second


def test_a_route_rule_without_owner_is_refused(published: RuleVersion) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Rule.objects.filter(code="tooling").update(owner_function=None)

    assert Rule.objects.get(code="tooling").owner_function is not None
