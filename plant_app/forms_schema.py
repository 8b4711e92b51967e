"""What a capture form may hold: the shape of `ExceptionType.form`, and the check the admin and loaders run.

Pure. Knows the shape of a field, not what any type asks for; reading an answer is the business of whoever captures it.

A field is an object with
  name      what its value is called in a signal's `fields`
  label     the words a person sees
  kind      one of KINDS
  target    for `ref`: what it points at (TARGETS)
  choices   for `choice`: a list of {"value", "label"}
  prefill   where its value comes from unasked: here, now, running_order, need, stock, shift, person (or absent)
  required  must be known before the report counts (prefilled counts as known)
  decide    must be known before a decision
  quick     asked before "send"; at most three per form, the rest is prefilled or asked later
"""

from collections.abc import Iterable, Mapping
from typing import Any

KINDS = frozenset(
    {"ref", "reason", "choice", "quantity", "minutes", "money", "moment", "date", "flag", "text", "photo"}
)
TARGETS = frozenset(
    {
        "work_unit", "work_centre", "area", "work_order", "operation", "item", "lot", "sales_line", "purchase_line",
        "delivery", "customer", "person", "shift", "skill",
    }
)  # fmt: skip
PREFILLS = frozenset({"here", "now", "running_order", "need", "stock", "shift", "person"})
FLAGS = ("required", "decide", "quick")
KEYS = frozenset({"name", "label", "kind", "target", "choices", "prefill", *FLAGS})
MOST_QUICK = 3


def problems(form: Any) -> list[str]:
    """Everything wrong with a form, one sentence each; an empty list means it may be used."""
    if not isinstance(form, list):
        return ["A form is a list of fields."]
    found: list[str] = []
    seen: set[str] = set()
    for position, field in enumerate(form, 1):
        if not isinstance(field, Mapping) or not isinstance(field.get("name"), str) or not field["name"]:
            found.append(f"Field {position} has no name.")
            continue
        name = field["name"]
        if name in seen:
            found.append(f"{name} is there twice.")
        seen.add(name)
        found += [f"{name}: {words}" for words in _field_problems(field)]
    asked = sum(1 for field in form if isinstance(field, Mapping) and field.get("quick"))
    if asked > MOST_QUICK:
        found.append(f"{asked} fields are asked before sending; {MOST_QUICK} is the most.")
    return found


def _field_problems(field: Mapping[str, Any]) -> Iterable[str]:
    unknown = sorted(set(field) - KEYS)
    if unknown:
        yield f"unknown {', '.join(unknown)}."
    if not field.get("label"):
        yield "has no label."
    if field.get("kind") not in KINDS:
        yield f"unknown kind {field.get('kind')!r}."
    if field.get("kind") == "ref" and field.get("target") not in TARGETS:
        yield f"unknown target {field.get('target')!r}."
    if field.get("kind") == "choice" and not _choices_fit(field.get("choices")):
        yield "needs choices, each with a value and a label."
    if "prefill" in field and field["prefill"] not in PREFILLS:
        yield f"unknown prefill {field['prefill']!r}."
    for flag in FLAGS:
        if flag in field and not isinstance(field[flag], bool):
            yield f"{flag} is yes or no."


def _choices_fit(choices: Any) -> bool:
    return (
        isinstance(choices, list)
        and bool(choices)
        and all(
            isinstance(choice, Mapping) and choice.get("value") and choice.get("label") for choice in choices
        )
    )
