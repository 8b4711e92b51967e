"""A playbook cut into parts that are compared: its head, the postings of the type, each option.

Pure. A part is plain content without what is at its default, so that a field added later changes no digest; whether an
option is offered (`active`) and where it stands is the site's own business and no content.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

HEAD, POSTINGS, OPTION = "head", "postings", "option:"
Content = dict[str, Any]

_HEAD: Content = {"containment": [], "estimate_minutes": 60, "clears": "person", "cause_required": "rule"}
_OPTION: Content = {
    "name": "", "when": "", "deciders": [], "limits": {}, "approvals": [], "message": "", "inputs": [], "effects": [],
    "expedited": False, "by_quantity": False,
}  # fmt: skip
_TASK: Content = {
    "code": "", "function": "", "role": "", "title": "", "due_minutes": 60, "due_input": "", "due_offset": 0,
    "blocking": True, "check_days": None, "clears": False, "asks": [], "only_if": "", "effects": [],
}  # fmt: skip
_POSTING: Content = {
    "template": "", "trigger": "decide", "task_code": "", "settings": {}, "needs_approval": False,
}  # fmt: skip


def _kept(defaults: Content, given: Mapping[str, Any]) -> Content:
    return {
        name: given[name] for name, default in defaults.items() if name in given and given[name] != default
    }


def option_content(
    option: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]], postings: Iterable[Mapping[str, Any]]
) -> Content:
    """An option with its tasks (functions by code) and postings, each in order."""
    return {
        **_kept(_OPTION, option),
        "tasks": [_kept(_TASK, task) for task in tasks],
        "postings": [_kept(_POSTING, posting) for posting in postings],
    }


def head_content(head: Mapping[str, Any]) -> Content:
    """What the playbook itself says: containment, estimate, what ends the condition, whose cause is asked for."""
    return _kept(_HEAD, head)


def postings_content(postings: Iterable[Mapping[str, Any]]) -> Content:
    """The postings that belong to the type, whichever option is taken."""
    return {"postings": [_kept(_POSTING, posting) for posting in postings]}


def parts_of_pack(pack: Mapping[str, Any]) -> dict[str, Content]:
    """The parts of a shipped playbook, as its data file has them."""
    found = {HEAD: head_content(pack), POSTINGS: postings_content(pack.get("postings", []))}
    for entry in pack["options"]:
        found[OPTION + entry["code"]] = option_content(
            entry, entry.get("tasks", []), entry.get("postings", [])
        )
    return found


def digest(content: Content) -> str:
    """A short name of exactly this content."""
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def differences(mine: Content, theirs: Content) -> list[tuple[str, str, str]]:
    """What differs, field by field: (its name, as it is here, as it is shipped). Tasks and postings are compared whole
    by their code or template."""
    found: list[tuple[str, str, str]] = []
    for name in dict.fromkeys([*theirs, *mine]):
        ours, shipped = mine.get(name), theirs.get(name)
        if ours == shipped:
            continue
        if name in ("tasks", "postings"):
            key = "code" if name == "tasks" else "template"
            left = {str(row.get(key)): row for row in ours or []}
            right = {str(row.get(key)): row for row in shipped or []}
            found += [
                (f"{name[:-1]} {code}", _said(left.get(code)), _said(right.get(code)))
                for code in dict.fromkeys([*right, *left])
                if left.get(code) != right.get(code)
            ]
        else:
            found.append((name.replace("_", " "), _said(ours), _said(shipped)))
    return found


def _said(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
