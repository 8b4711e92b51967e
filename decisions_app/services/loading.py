"""The shipped playbooks, loaded from data files; what an administrator changed since is left alone."""

import tomllib
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from decisions_app.models import (
    CauseRequired,
    Option,
    OptionPosting,
    OptionTask,
    Playbook,
    RootCauseCategory,
    Trigger,
)
from plant_app.models import ExceptionType, Function

DEFAULTS = Path(__file__).resolve().parent.parent / "defaults"


def shipped() -> dict[str, dict[str, Any]]:
    """Every shipped playbook by type code."""
    packs: dict[str, dict[str, Any]] = {}
    for path in sorted(DEFAULTS.glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        if path.stem == "lighter":
            packs.update(data)
        else:
            packs[path.stem] = data
    return packs


@transaction.atomic
def load_default_playbooks() -> int:
    """Create the playbook of every type that has none yet; returns how many were made. Idempotent."""
    functions = {function.code: function for function in Function.objects.all()}
    made = 0
    for code, pack in shipped().items():
        kind = ExceptionType.objects.filter(code=code).first()
        if kind is None or Playbook.objects.filter(type=kind).exists():
            continue
        _load(kind, pack, functions)
        made += 1
    return made


def _load(kind: ExceptionType, pack: dict[str, Any], functions: dict[str, Function]) -> None:
    playbook = Playbook(
        type=kind,
        containment=pack["containment"],
        estimate_minutes=pack["estimate_minutes"],
        clears=pack["clears"],
        cause_required=pack.get("cause_required", CauseRequired.RULE),
    )
    playbook.full_clean()
    playbook.save()
    _load_causes(kind, pack.get("root_causes", []))
    _load_postings(playbook, None, pack.get("postings", []))
    for position, entry in enumerate(pack["options"]):
        option = Option(
            playbook=playbook,
            code=entry["code"],
            name=entry["name"],
            when=entry.get("when", ""),
            position=position,
            deciders=entry["deciders"],
            inputs=entry.get("inputs", []),
            effects=entry.get("effects", []),
            limits=entry.get("limits", {}),
            approvals=entry.get("approvals", []),
            message=entry.get("message", ""),
            expedited=entry.get("expedited", False),
            by_quantity=entry.get("by_quantity", False),
        )
        option.full_clean(exclude=["inputs", "effects", "deciders", "limits", "approvals"])
        option.save()
        for order, task in enumerate(entry.get("tasks", [])):
            fields = {**task, "function": functions[task["function"]]}
            row = OptionTask(option=option, position=order, **fields)
            row.full_clean(exclude=["option", "asks", "effects"])
            row.save()
        _load_postings(playbook, option, entry.get("postings", []))


def _load_causes(kind: ExceptionType, names: list[str]) -> None:
    """The root causes people of this type choose from, where it has none yet."""
    if kind.root_causes.exists():
        return
    RootCauseCategory.objects.bulk_create(
        RootCauseCategory(type=kind, code=slugify(name).replace("-", "_")[:40], name=name, position=position)
        for position, name in enumerate(names)
    )


def _load_postings(playbook: Playbook, option: Option | None, entries: list[dict[str, Any]]) -> None:
    for position, entry in enumerate(entries):
        posting = OptionPosting(
            playbook=playbook,
            option=option,
            template=entry["template"],
            trigger=entry.get("trigger", Trigger.DECIDE),
            task_code=entry.get("task_code", ""),
            settings=entry.get("settings", {}),
            needs_approval=entry.get("needs_approval", False),
            position=position,
        )
        posting.full_clean(exclude=["option", "settings", "playbook"])
        posting.save()
