"""The verbs of routing; the only writers of its tables. Import from here."""

from routing_app.services.drafting import (
    apply_ruleset,
    clone_rule,
    move_rule,
    next_order,
    set_enabled,
)
from routing_app.services.publishing import load_default_rules, publish, roll_back
from routing_app.services.routing import Routed, Tried, reevaluate, route, try_facts

__all__ = [
    "Routed",
    "Tried",
    "apply_ruleset",
    "clone_rule",
    "load_default_rules",
    "move_rule",
    "next_order",
    "publish",
    "reevaluate",
    "roll_back",
    "route",
    "set_enabled",
    "try_facts",
]
