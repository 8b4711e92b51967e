"""ERP postings of an exception: those made, with state, document and lag; and those the chosen option would make."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext, gettext_noop, ngettext

from core.clock import minutes_between
from core.languages import label
from decisions_app.posting_templates import Intended
from decisions_app.selectors import OptionView, sentence
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from plant_app.models import User
from plant_app.selectors import can

LATE_MINUTES = 15
_NEXT = {
    "unknown": "asking ERP",
    "approval": "a second person approves",
}


def postings_of(
    exception: ExceptionRecord, user: User, now: datetime, picked: OptionView | None
) -> dict[str, Any]:
    """Rows for `components/postings.html` with a sentence over them. One query."""
    rows = list(Posting.objects.filter(link__exception=exception).select_related("connection").order_by("pk"))
    may_open = can(user, "posting.view", exception.site_id)
    shown = [_row(row, now, may_open) for row in rows]
    shown += [{"words": words, "status": "waits", "lag": None} for words in (picked.posts if picked else ())]
    return {"rows": shown, "said": _said(rows, len(shown) - len(rows))}


def words_of(posting: Posting) -> str:
    """A posting as people say it."""
    intended = Intended(kind=posting.kind, payload=posting.payload, occurred_at=posting.occurred_at)
    try:
        return sentence(intended)
    except KeyError:  # a payload edited by hand may lack what the sentence names
        return label(posting.get_kind_display())


def _row(posting: Posting, now: datetime, may_open: bool) -> dict[str, Any]:
    end = posting.erp_confirmed_at or posting.settled_at or now
    lag = minutes_between(posting.occurred_at, end)
    cause = posting.error_message
    if posting.status == "local":
        cause = posting.local_reason
    elif posting.status == "held":
        cause = f"{label(posting.get_held_reason_display())}. {posting.error_message}".strip()
    return {
        "id": posting.pk,
        "words": words_of(posting),
        "status": posting.status,
        "at": posting.status_at,
        "next": label(_NEXT.get(posting.status, "")),
        "cause": cause,
        "document": posting.erp_number,
        "lag": None if posting.status in {"cancelled", "local"} else max(lag, 0),
        "lag_late": posting.settled_at is None and lag > LATE_MINUTES,
        "url": f"/postings/{posting.pk}/" if may_open else "",
    }


def _said(rows: list[Posting], waiting: int) -> str:
    words = (
        ("confirmed", gettext_noop("confirmed")), ("local", gettext_noop("kept here")),
        ("unknown", gettext_noop("being looked up")),
        ("rejected", gettext_noop("refused")), ("held", gettext_noop("held")),
        ("cancelled", gettext_noop("cancelled")),
    )  # fmt: skip
    parts = []
    for status, said in words:
        count = sum(1 for row in rows if row.status == status)
        if count:
            parts.append(f"{count} {label(said)}")
    moving = sum(1 for row in rows if row.status in {"queued", "sending", "approval"})
    if moving:
        parts.append(gettext("{number} on the way").format(number=moving))
    if waiting:
        parts.append(
            ngettext("{number} waits for the decision", "{number} wait for the decision", waiting).format(
                number=waiting
            )
        )
    return ", ".join(parts)
