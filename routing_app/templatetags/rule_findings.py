"""Findings of the checks with the page of the rule each is about. Must not decide what is wrong."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.urls import reverse

from routing_app.checks import Problem
from routing_app.models import Rule

register = template.Library()


@register.simple_tag
def linked(problems: Iterable[Problem | dict[str, Any]]) -> list[dict[str, str]]:
    """Findings, fresh or as a version stored them; `url` is empty where the draft has no such rule. One query."""
    rows = [one.as_dict() if isinstance(one, Problem) else dict(one) for one in problems or ()]
    codes = {row["rule"] for row in rows if row.get("rule")}
    known = dict(Rule.objects.filter(code__in=codes).values_list("code", "pk")) if codes else {}
    return [
        {
            **row,
            "url": reverse("admin:routing_app_rule_change", args=[known[row["rule"]]])
            if row.get("rule") in known
            else "",
        }
        for row in rows
    ]
