"""The talk of a record as its page shows it: comments with the names in them marked, answers that came by mail or chat,
photos; whom one may name, and texts to begin with.

A fixed number of queries, whatever was said.
"""

from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext

from boards_app.selectors.attached import piece_of
from core import clock
from core.languages import label, small
from decisions_app.models import TalkText
from decisions_app.talk_words import fill, pieces
from exceptions_app.attached import attached_to
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord
from exceptions_app.rules.steps import clock_text
from plant_app.models import Function, User

MOST_OFFERED: Final = 8
_CHANNELS: Final = {"email": "mail", "chat": "chat", "whatsapp": "WhatsApp", "sms": "SMS"}


def talk_of(exception: ExceptionRecord) -> list[dict[str, Any]]:
    """What people said to everyone, and what continued the conversation from outside, oldest first."""
    said = [
        {
            "who": one.author,
            "pieces": pieces(one.text, frozenset(mention.name for mention in one.mentions.all())),
            "at": one.at,
            "photos": [piece_of(row) for row in one.photos],
            "by": "",
        }
        for one in comments_of(exception)
    ]
    return sorted([*said, *_answers(exception)], key=lambda one: one["at"])


def comments_of(exception: ExceptionRecord) -> list[Any]:
    """Comments, oldest first, each with what was sent along as `photos`. Three queries."""
    rows: list[Any] = list(
        exception.comments.select_related("author", "files").prefetch_related("mentions").order_by("at", "pk")
    )
    found = attached_to(row.files.signal_id for row in rows if hasattr(row, "files"))
    for row in rows:
        row.photos = found.get(row.files.signal_id, []) if hasattr(row, "files") else []
    return rows


def _answers(exception: ExceptionRecord) -> list[dict[str, Any]]:
    """Answers to our mails and messages that joined the record."""
    rows = ExceptionEvent.objects.filter(exception=exception, kind=EventKind.JOINED, data__answer=True)
    return [
        {
            "who": row.actor or row.actor_text or gettext("Somebody"),
            "pieces": pieces(row.text, frozenset()),
            "at": row.at,
            "photos": [],
            "by": label(_CHANNELS.get(row.via, row.via)),
        }
        for row in rows.select_related("actor").order_by("at", "pk")
    ]


def namable(exception: ExceptionRecord, begun: str) -> list[dict[str, str]]:
    """Whom a comment here may name, by the beginning of login, code or any name: functions first, then people.

    People are those who may see the record. Three queries.
    """
    begun = begun.strip().lower()[:60]
    functions = Function.objects.filter(Q(code__istartswith=begun) | Q(name__istartswith=begun))
    found = [
        {"name": one.code, "label": label(one.name), "kind": gettext("whoever answers for it")}
        for one in functions.order_by("position")[:MOST_OFFERED]
    ]
    people = User.objects.filter(is_active=True).filter(
        Q(grants__site=exception.site_id) | Q(responses__exception=exception)
    )
    if begun:
        people = people.filter(
            Q(username__istartswith=begun)
            | Q(username__icontains=f".{begun}")
            | Q(display_name__istartswith=begun)
            | Q(display_name__icontains=f" {begun}")
        )
    rows = people.select_related("function").order_by("display_name", "username").distinct()[:MOST_OFFERED]
    found += [{"name": one.username, "label": str(one), "kind": label(one.function)} for one in rows]
    return found[:MOST_OFFERED]


def texts_of(exception: ExceptionRecord, user: User) -> list[dict[str, str]]:
    """Texts offered to this reader for this record, their gaps filled. One query."""
    rows = (
        TalkText.objects.filter(active=True)
        .filter(Q(types=None) | Q(types=exception.type_id))
        .filter(Q(functions=None) | Q(functions=user.function_id))
        .distinct()
    )
    values = _values(exception, user)
    return [{"name": label(row.name), "text": fill(label(row.text), values)} for row in rows]


def _values(exception: ExceptionRecord, user: User) -> dict[str, str]:
    place = exception.work_unit or exception.work_centre or exception.area or exception.site
    amount = f"{exception.quantity:f}".rstrip("0").rstrip(".") if exception.quantity is not None else ""
    return {
        "ref": exception.ref,
        "title": exception.title,
        "type": label(exception.type.name),
        "place": str(place),
        "status": small(label(exception.get_status_display())),
        "owner": str(exception.owner or label(exception.owner_function)),
        "order": exception.work_order.number if exception.work_order else "",
        "item": str(exception.item or ""),
        "quantity": f"{amount} {exception.uom}".strip(),
        "customer": str(exception.customer or ""),
        "supplier": str(exception.supplier or ""),
        "window": clock_text(exception.window_until, now=clock.now(), zone=exception.site.timezone),
        "author": str(user),
    }
