"""The shipped playbooks, loaded from data files and renewed part by part; what a site has edited is left alone.

A part nobody here has edited takes the newer shipped content at once. An edited one keeps the site's; the newer content
is offered until somebody takes or leaves it. A decision keeps the terms it was taken on either way.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from core.errors import NotFound
from decisions_app.models import (
    CauseRequired,
    Option,
    OptionPosting,
    OptionTask,
    Playbook,
    RootCauseCategory,
    Trigger,
)
from decisions_app.parts import (
    HEAD,
    OPTION,
    POSTINGS,
    Content,
    differences,
    digest,
    head_content,
    option_content,
    parts_of_pack,
    postings_content,
)
from plant_app.models import ExceptionType, Function

DEFAULTS = Path(__file__).resolve().parent.parent / "defaults"


@dataclass(frozen=True)
class Loaded:
    """What a loading did: playbooks made, (type, part) renewed, (type, part) kept as the site has them."""

    made: tuple[str, ...]
    renewed: tuple[tuple[str, str], ...]
    offered: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Offer:
    """Newer shipped content of a part the site has edited; `lines` are (field, as it is here, as it is shipped)."""

    part: str
    name: str
    lines: list[tuple[str, str, str]]


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


@cache
def _former() -> dict[str, dict[str, list[str]]]:
    """Digests of what was shipped before playbooks remembered what they were loaded with."""
    found: dict[str, dict[str, list[str]]] = json.loads(
        (DEFAULTS / "former.json").read_text(encoding="utf-8")
    )
    return found


def load_default_playbooks() -> int:
    """Make the playbooks that are missing and renew what the site has not edited; returns how many playbooks were made
    or changed. Idempotent: a second run finds nothing to do."""
    done = load_playbooks()
    return len({*done.made, *(code for code, _ in done.renewed)})


@transaction.atomic
def load_playbooks(packs: Mapping[str, Mapping[str, Any]] | None = None) -> Loaded:
    """Bring the installation's playbooks to the shipped content (`packs`, by default what lies in the data files).

    A missing playbook is made; a part as it was last loaded takes the shipped content, which makes a new version; an
    edited part is never touched. An option new in the product is added: in force where the site has edited nothing of
    that playbook, inactive where it has. One that is no longer shipped stays. Locks the playbooks.
    """
    functions = {function.code: function for function in Function.objects.all()}
    made, renewed, offered = [], [], []
    for code, pack in (shipped() if packs is None else packs).items():
        kind = ExceptionType.objects.filter(code=code).first()
        if kind is None:
            continue
        playbook = Playbook.objects.select_for_update(no_key=True, of=("self",)).filter(type=kind).first()
        _load_causes(kind, pack.get("root_causes", []))
        if playbook is None:
            _make(kind, pack, functions)
            made.append(code)
            continue
        changed = _renew(playbook, pack, functions)
        renewed += [(code, part) for part in changed]
        offered += [(code, part) for part in _edited(playbook, pack) if part not in changed]
    return Loaded(tuple(made), tuple(renewed), tuple(offered))


def offers_of(playbook: Playbook, pack: Mapping[str, Any] | None = None) -> list[Offer]:
    """What newer shipped content waits for a look at this playbook, with how it differs from the site's."""
    pack = shipped().get(playbook.type.code) if pack is None else pack
    if pack is None:
        return []
    here, theirs = parts_of(playbook), parts_of_pack(pack)
    names = {HEAD: "The playbook itself", POSTINGS: "Postings whatever is decided"}
    names |= {OPTION + entry["code"]: f"Option: {entry['name']}" for entry in pack["options"]}
    return [
        Offer(part, names[part], differences(here.get(part, {}), theirs[part]))
        for part in _edited(playbook, pack)
    ]


@transaction.atomic
def take_offer(*, playbook_id: int, part: str) -> Playbook:
    """Take the shipped content of an edited part in place of the site's; a new version. Locks the playbook.

    Raises NotFound (`playbooks.no_offer`).
    """
    playbook, pack = _offering(playbook_id, part)
    _apply(playbook, part, pack, {function.code: function for function in Function.objects.all()})
    _remember(playbook, {part: digest(parts_of_pack(pack)[part])})
    playbook.version += 1
    playbook.save(update_fields=["version", "shipped"])
    return playbook


@transaction.atomic
def leave_offer(*, playbook_id: int, part: str) -> Playbook:
    """Keep the site's content of a part; this shipped content is not offered again, a later one is. As `take_offer`."""
    playbook, pack = _offering(playbook_id, part)
    left = {**playbook.shipped.get("left", {}), part: digest(parts_of_pack(pack)[part])}
    playbook.shipped = {**playbook.shipped, "left": left}
    playbook.save(update_fields=["shipped"])
    return playbook


def _offering(playbook_id: int, part: str) -> tuple[Playbook, Mapping[str, Any]]:
    playbook = (
        Playbook.objects.select_for_update(no_key=True, of=("self",))
        .select_related("type")
        .filter(pk=playbook_id)
        .first()
    )
    pack = shipped().get(playbook.type.code) if playbook is not None else None
    if playbook is None or pack is None or part not in _edited(playbook, pack):
        raise NotFound("playbooks.no_offer", "Nothing newer is offered for this.")
    return playbook, pack


def parts_of(playbook: Playbook) -> dict[str, Content]:
    """The playbook as the installation has it, cut into parts. Four queries."""
    own = [_fields(row) for row in playbook.postings.filter(option__isnull=True).order_by("position", "pk")]
    found = {HEAD: head_content(_fields(playbook)), POSTINGS: postings_content(own)}
    for option in playbook.options.prefetch_related("tasks__function", "postings"):
        tasks = [
            {**_fields(task), "function": task.function.code}
            for task in sorted(option.tasks.all(), key=lambda row: (row.position, row.pk))
        ]
        rows = sorted(option.postings.all(), key=lambda row: (row.position, row.pk))
        found[OPTION + option.code] = option_content(_fields(option), tasks, [_fields(row) for row in rows])
    return found


def _fields(row: Any) -> dict[str, Any]:
    return {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _untouched(playbook: Playbook, part: str, content: Content) -> bool:
    """Whether a part is as some shipped version had it."""
    found = digest(content)
    return found == playbook.shipped.get("parts", {}).get(part) or found in _former().get(
        playbook.type.code, {}
    ).get(part, ())


def _edited(playbook: Playbook, pack: Mapping[str, Any]) -> list[str]:
    """Parts that differ from the shipped content because the site has edited (or removed) them, and has not said that
    it keeps its own."""
    here, left = parts_of(playbook), playbook.shipped.get("left", {})
    known = playbook.shipped.get("parts", {})
    found = []
    for part, theirs in parts_of_pack(pack).items():
        wanted = digest(theirs)
        former = _former().get(playbook.type.code, {}).get(part, ())
        if wanted in (left.get(part), known.get(part)) or wanted in former:
            continue  # nothing newer than what the site has seen
        mine = here.get(part)
        if mine is None or (digest(mine) != wanted and not _untouched(playbook, part, mine)):
            found.append(part)
    return found


def _renew(playbook: Playbook, pack: Mapping[str, Any], functions: dict[str, Function]) -> list[str]:
    """Apply what is new to the parts nobody has edited. Returns them."""
    here, wanted = parts_of(playbook), parts_of_pack(pack)
    pristine = all(
        digest(content) == digest(wanted.get(part, {})) or _untouched(playbook, part, content)
        for part, content in here.items()
    )
    known = playbook.shipped.get("parts", {})
    changed, seen = [], {}
    for part, theirs in wanted.items():
        mine = here.get(part)
        if mine is None:
            if part in known or part in _former().get(playbook.type.code, {}):
                continue  # the site has removed it
            _apply(playbook, part, pack, functions, active=pristine)
        elif digest(mine) != digest(theirs):
            if not _untouched(playbook, part, mine) or digest(theirs) == known.get(part):
                continue
            _apply(playbook, part, pack, functions)
        else:
            seen[part] = digest(theirs)
            continue
        seen[part] = digest(theirs)
        changed.append(part)
    if changed or any(known.get(part) != value for part, value in seen.items()):
        _remember(playbook, seen)
        playbook.version += 1 if changed else 0
        playbook.save(update_fields=["shipped", "version"])
    return changed


def _remember(playbook: Playbook, seen: Mapping[str, str]) -> None:
    playbook.shipped = {**playbook.shipped, "parts": {**playbook.shipped.get("parts", {}), **seen}}


def _make(kind: ExceptionType, pack: Mapping[str, Any], functions: dict[str, Function]) -> None:
    playbook = Playbook(type=kind)
    parts = parts_of_pack(pack)
    _head(playbook, pack)
    _remember(playbook, {part: digest(content) for part, content in parts.items()})
    playbook.save()
    for part in parts:
        if part != HEAD:
            _apply(playbook, part, pack, functions)


def _head(playbook: Playbook, pack: Mapping[str, Any]) -> None:
    playbook.containment = pack["containment"]
    playbook.estimate_minutes = pack["estimate_minutes"]
    playbook.clears = pack["clears"]
    playbook.cause_required = pack.get("cause_required", CauseRequired.RULE)
    playbook.full_clean()


def _apply(
    playbook: Playbook,
    part: str,
    pack: Mapping[str, Any],
    functions: dict[str, Function],
    *,
    active: bool | None = None,
) -> None:
    """Give a part the shipped content. An option keeps its row, since decisions point to it."""
    if part == HEAD:
        _head(playbook, pack)
        playbook.save()
        return
    if part == POSTINGS:
        playbook.postings.filter(option__isnull=True).delete()
        _load_postings(playbook, None, pack.get("postings", []))
        return
    code = part.removeprefix(OPTION)
    position, entry = next(
        (place, entry) for place, entry in enumerate(pack["options"]) if entry["code"] == code
    )
    option = playbook.options.filter(code=code).first() or Option(
        playbook=playbook, code=code, position=position, active=active is not False
    )
    option.name, option.when, option.deciders = entry["name"], entry.get("when", ""), entry["deciders"]
    option.inputs, option.effects = entry.get("inputs", []), entry.get("effects", [])
    option.limits, option.approvals = entry.get("limits", {}), entry.get("approvals", [])
    option.message = entry.get("message", "")
    option.expedited, option.by_quantity = entry.get("expedited", False), entry.get("by_quantity", False)
    option.full_clean(exclude=["inputs", "effects", "deciders", "limits", "approvals"])
    option.save()
    option.postings.all().delete()
    option.tasks.all().delete()
    for order, task in enumerate(entry.get("tasks", [])):
        row = OptionTask(option=option, position=order, **{**task, "function": functions[task["function"]]})
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


def _load_postings(playbook: Playbook, option: Option | None, entries: Iterable[Mapping[str, Any]]) -> None:
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
