"""What an access role may do: one table, no Django.

An action is what somebody asks to do, not a page. Rules about one record (whose response is it, what does it cost)
stay with the service that owns the record; this answers only "may such a login do such a thing at this site".
"""

from collections.abc import Iterable

OPERATOR, RESPONDER, PLANNER = "operator", "responder", "planner"
ADMINISTRATOR, LEADER, INTEGRATOR = "administrator", "leader", "integrator"

_FLOOR = frozenset({OPERATOR, RESPONDER, PLANNER})
_DESK = frozenset({RESPONDER, PLANNER})
_EVERYBODY = _FLOOR | {ADMINISTRATOR, LEADER, INTEGRATOR}

ACTIONS: dict[str, frozenset[str]] = {
    "plant.view": _EVERYBODY,
    "plant.edit": frozenset({ADMINISTRATOR}),
    "people.view": _EVERYBODY - {INTEGRATOR},
    "roster.edit": frozenset({PLANNER, ADMINISTRATOR}),
    "handover.sign": _DESK | {LEADER},
    "device.pair": frozenset({ADMINISTRATOR}),
    "token.issue": frozenset({ADMINISTRATOR}),
    "signal.report": _EVERYBODY,
    "exception.view": _EVERYBODY,
    "exception.respond": _FLOOR | {LEADER},
    "exception.comment": _EVERYBODY - {INTEGRATOR},
    "exception.triage": _DESK,
    "exception.reroute": _DESK,
    "exception.decide": _DESK | {LEADER},
    "exception.resolve": _DESK,
    "exception.clear": _FLOOR | {INTEGRATOR},
    "exception.cancel": _DESK,
    "exception.reopen": _DESK,
    "exception.merge": frozenset({PLANNER}),
    "exception.split": frozenset({PLANNER}),
    "exception.shelve": _DESK,
    "task.finish": _FLOOR,
    "progress.report": _FLOOR | {INTEGRATOR},
    "sequence.view": _EVERYBODY,
    "sequence.confirm": _FLOOR,
    "sequence.override": _FLOOR,
    "sequence.publish": frozenset({PLANNER}),
    "posting.view": _EVERYBODY - {OPERATOR},
    "posting.edit": frozenset({PLANNER, ADMINISTRATOR, INTEGRATOR}),
    "posting.approve": frozenset({PLANNER, LEADER, ADMINISTRATOR}),
    "posting.reverse": frozenset({PLANNER, ADMINISTRATOR, INTEGRATOR}),
    "posting.create": frozenset({ADMINISTRATOR, INTEGRATOR}),
    "rule.view": frozenset({PLANNER, ADMINISTRATOR, LEADER}),
    "rule.test": frozenset({PLANNER, ADMINISTRATOR}),
    "rule.edit": frozenset({ADMINISTRATOR}),
    "report.view": _EVERYBODY - {OPERATOR},
    "adoption.view": frozenset({PLANNER, LEADER, ADMINISTRATOR}),
    "adoption.set": frozenset({ADMINISTRATOR}),
    "drill.view": _DESK | {LEADER, ADMINISTRATOR},
    "drill.run": frozenset({ADMINISTRATOR}),
    "webhook.manage": frozenset({ADMINISTRATOR}),
    "census.run": frozenset({PLANNER, LEADER, ADMINISTRATOR}),
    "report.freeze": frozenset({LEADER, ADMINISTRATOR}),
}


def allowed(roles: Iterable[str], action: str) -> bool:
    """Whether any of `roles` may do `action`. Raises KeyError for an action this table does not know."""
    return not ACTIONS[action].isdisjoint(roles)


def roles_for(action: str) -> frozenset[str]:
    """The roles that may do `action`. Raises KeyError for an unknown one."""
    return ACTIONS[action]
