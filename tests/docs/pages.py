"""The pages of the documentation that are generated from the code: `python -m tests.docs.pages` writes them anew.

Owns their text. What they show comes from the lifecycle tables, the shipped playbooks and the conformance suite;
`test_generated.py` and `test_connector_guide.py` hold the files against what this module makes.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

from decisions_app.catalogue import EFFECTS
from erp_sync import lifecycle as postings
from exceptions_app import lifecycle as exceptions
from tests.erp_sync.conformance.table import absent_table, cases_table

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
BEGIN, END = "<!-- generated: {} -->", "<!-- /generated -->"

_LIFECYCLE_WORDS = {
    "triage": "nobody knows yet what it is; it has an owner all the same",
    "open": "routed; the owner has not acknowledged",
    "acknowledged": "the owner has taken it",
    "decided": "an option was chosen; its tasks and postings are under way",
    "resolved": "the condition is gone and every blocking task is done; postings may still be open",
    "closed": "every posting is confirmed, local or cancelled",
    "cancelled": "no exception after all, or merged into another; can be restored to where it was",
}
_POSTING_WORDS = {
    "approval": "waits for a person's yes",
    "queued": "due to be sent, once everything before it in its chain is settled",
    "sending": "a worker holds it and has called the ERP, or is about to",
    "unknown": "ERP may or may not have acted; only a look-up tells",
    "confirmed": "ERP has it in its final state, under a number",
    "rejected": "ERP said no; a person edits, cancels or settles it by hand",
    "held": "something outside the posting is in the way: drifted, mapping missing, circuit open",
    "local": "kept here only, with the reason: ERP has no place for it, or a person keyed it by hand",
    "cancelled": "called off before ERP had it",
}
_ENDS = {
    "person": "somebody's word, or a task that clears",
    "tasks": "the last blocking task",
    "release": "its release tasks only, each signed by another person",
}
_TRIGGERS = {
    "contain": "on opening",
    "decide": "on deciding",
    "clear": "when cleared",
}


def lifecycle_page() -> str:
    """`docs/lifecycle.md`: both lives as diagrams and tables."""
    parts = [
        "# Lifecycles\n\nGenerated from `exceptions_app/lifecycle.py` and `erp_sync/lifecycle.py` by "
        "`python -m tests.docs.pages`; a test\nholds this file against them. The same tables generate the database "
        "triggers that refuse every other move.\n"
    ]
    for title, module, words in (
        ("An exception", exceptions, _LIFECYCLE_WORDS),
        ("A posting", postings, _POSTING_WORDS),
    ):
        parts.append(f"## {title}\n\n```mermaid\n{module.mermaid()}\n```\n")
        rows = "".join(
            f"| {status} | {words[status]} | {', '.join(ends) or 'nothing; this is final'} |\n"
            for status, ends in module.MOVES.items()
        )
        parts.append(f"| status | means | may go to |\n|---|---|---|\n{rows}")
    return "\n".join(parts)


def playbook_tables() -> str:
    """The generated part of `docs/decisions.md`: every shipped playbook."""
    from decisions_app.services.loading import shipped  # stands on models, so Django must be set up first

    return "\n".join(_playbook(code, pack) for code, pack in sorted(shipped().items()))


def _playbook(code: str, pack: dict[str, Any]) -> str:
    at_once = "; ".join(EFFECTS[name] for name in pack["containment"]) or "nothing"
    ends = _ENDS[pack["clears"]]
    lines = [
        f"### `{code}`\n",
        f"At once: {at_once}. Assumed to last {pack['estimate_minutes']} minutes. The condition ends with {ends}.\n",
    ]
    if pack.get("root_causes"):
        lines.append(f"Root causes to choose from: {', '.join(pack['root_causes']).lower()}.\n")
    if pack.get("postings"):
        said = ", ".join(_posting(entry) for entry in pack["postings"])
        lines.append(f"Postings whatever is decided: {said}.\n")
    lines += [
        "| option | fits when | decided by | tasks (not blocking in brackets) | postings |",
        "|---|---|---|---|---|",
    ]
    lines += [_option(option) for option in pack["options"]]
    return "\n".join(lines) + "\n"


def _option(option: dict[str, Any]) -> str:
    deciders = ", ".join(duty.replace("_", " ") for duty in option["deciders"])
    signs = [entry["role"].replace("_", " ") for entry in option.get("approvals", [])]
    deciders += f"; {', '.join(signs)} signs too" if signs else ""
    tasks = "; ".join(_tasks(option.get("tasks", []))) or "none"
    postings = ", ".join(_posting(entry) for entry in option.get("postings", [])) or "none"
    return f"| {option['name']} | {option['when']} | {deciders} | {tasks} | {postings} |"


def _tasks(tasks: list[dict[str, Any]]) -> Iterator[str]:
    for task in tasks:
        words = f"{task['title'].replace('{', '').replace('}', '')}: {task['role'].replace('_', ' ')}"
        if task.get("only_if"):
            words += f", only with `{task['only_if']}`"
        yield words if task.get("blocking", True) else f"({words})"


def _posting(entry: dict[str, Any]) -> str:
    trigger = entry.get("trigger", "decide")
    when = f"task `{entry['task_code']}`" if trigger == "task" else _TRIGGERS[trigger]
    return f"`{entry['template']}` {when}"


def with_block(text: str, name: str, block: str) -> str:
    """`text` with what stands between the markers of `name` replaced. Raises ValueError without the markers."""
    begin = BEGIN.format(name)
    before, _, rest = text.partition(begin)
    if END not in rest:
        raise ValueError(f"no markers for {name}")
    after = rest.partition(END)[2]
    return f"{before}{begin}\n{block}{END}{after}"


def conformance_page(page: str) -> str:
    """`docs/connector-guide.md` with its tables of the conformance suite made anew."""
    return with_block(with_block(page, "conformance", cases_table()), "absent", absent_table())


def write() -> None:
    guide = DOCS / "connector-guide.md"
    guide.write_text(conformance_page(guide.read_text(encoding="utf-8")), encoding="utf-8")
    (DOCS / "lifecycle.md").write_text(lifecycle_page(), encoding="utf-8")
    page = DOCS / "decisions.md"
    page.write_text(
        with_block(page.read_text(encoding="utf-8"), "playbooks", playbook_tables()), encoding="utf-8"
    )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "execlayer.settings")
    django.setup()
    write()
