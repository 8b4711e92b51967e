"""From notices to letters: what each channel is handed, one notice or many as one. Reads only; sends nothing.

A letter carries what its reader may see: somebody told of a record they can't open gets its number and the link alone;
a team's channel, which many read, gets a link to the portal instead of one that answers as somebody.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext, gettext_noop, ngettext

from core.languages import SOURCE, label
from exceptions_app import services as exceptions
from exceptions_app.selectors import visible_to
from notify_app.channels.port import Letter, Target
from notify_app.manners import urgency_of
from notify_app.models import Address, Notice, NoticeChannel
from notify_app.services.links import answer_url
from plant_app.languages import own_language

ANSWERS = (("acknowledge", gettext_noop("Acknowledge")), ("on_my_way", gettext_noop("On my way")))


def letters_for(parcels: Sequence[Sequence[Notice]]) -> list[Letter]:
    """A letter for each parcel of one person's and channel's notices, in order. A query a person told of what only
    their site shows them, one for devices.
    """
    notices = [notice for parcel in parcels for notice in parcel]
    devices = _devices(notices)
    closed = _closed(notices)
    letters = []
    for parcel in parcels:
        reader = None if is_team(parcel[0]) else parcel[0].person
        with translation.override(own_language(reader) or SOURCE):
            letters.append(_letter(parcel, devices, closed))
    return letters


def _devices(notices: Iterable[Notice]) -> dict[int, list[Target]]:
    people = {notice.person_id for notice in notices if notice.channel == NoticeChannel.PUSH}
    found: dict[int, list[Target]] = {}
    if people:
        for row in Address.objects.live().filter(user__in=people, channel=NoticeChannel.PUSH):
            found.setdefault(row.user_id or 0, []).append(Target(row.pk, row.secret))
    return found


def _closed(notices: Iterable[Notice]) -> set[int]:
    """Notices whose person may not open the record they are about."""
    by_person: dict[int, list[Notice]] = {}
    for notice in notices:
        theirs = notice.response is not None and notice.response.person_id == notice.person_id
        if not theirs and not is_team(notice):
            by_person.setdefault(notice.person_id, []).append(notice)
    closed: set[int] = set()
    for mine in by_person.values():
        wanted = {notice.exception_id for notice in mine}
        seen = set(visible_to(mine[0].person).filter(pk__in=wanted).values_list("pk", flat=True))
        closed |= {notice.pk for notice in mine if notice.exception_id not in seen}
    return closed


def is_team(notice: Notice) -> bool:
    """The notice goes to a channel of many."""
    return notice.address is not None and notice.address.team_id is not None


def _targets(notice: Notice, devices: dict[int, list[Target]]) -> tuple[Target, ...]:
    if notice.channel == NoticeChannel.PUSH:
        return tuple(devices.get(notice.person_id, ()))
    if notice.address is not None:
        return (Target(notice.address.pk, notice.address.secret),)
    return (Target(0, notice.person.email),)


def _letter(parcel: Sequence[Notice], devices: dict[int, list[Target]], closed: set[int]) -> Letter:
    first = parcel[0]
    targets = _targets(first, devices)
    if len(parcel) > 1:
        return _digest(parcel, targets, closed)
    exception = first.exception
    url = page_of(first)
    answers = tuple((code, gettext(said)) for code, said in ANSWERS)
    asks = first.response is not None and not is_team(first) and not first.response.answered
    if first.pk in closed:
        subject = gettext("{ref}: sign in to read it").format(ref=exception.ref)
        body, asks = gettext("You were told of this record."), False
        shown: dict[str, Any] = {"text": f"{subject}\n\n{url}\n", "html": ""}
    else:
        subject, body = first.subject, first.body
        shown = _mail(first, url) if first.channel == NoticeChannel.EMAIL else {}
    return Letter(
        mark=f"notice-{first.pk}", targets=targets, subject=subject, body=body, url=url,
        urgency=urgency_of(first.urgency_rank), answers=answers if asks else (), **shown,
    )  # fmt: skip


def page_of(notice: Notice) -> str:
    """Where the letter leads: the answer page of its person, the record in the portal for a team."""
    if is_team(notice):
        return f"{settings.PUBLIC_URL}/exceptions/{notice.exception.ref}/"
    return answer_url(notice)


def _mail(notice: Notice, url: str) -> dict[str, Any]:
    context = {"notice": notice, "exception": notice.exception, "answer_url": url}
    return {
        "text": render_to_string("notify_app/mail.txt", context),
        "html": render_to_string("notify_app/mail.html", context),
        "headers": exceptions.mail_headers(exception=notice.exception, what=f"notice-{notice.pk}"),
    }


def _digest(parcel: Sequence[Notice], targets: tuple[Target, ...], closed: set[int]) -> Letter:
    """What waited, in one letter, grouped by type and place."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for notice in parcel:
        found = notice.exception
        place = found.work_centre or found.area or found.site
        hidden = notice.pk in closed
        line = {"notice": notice, "exception": found, "answer_url": page_of(notice), "hidden": hidden}
        group = gettext("Sign in to read") if hidden else f"{label(found.type.name)}, {place}"
        groups.setdefault(group, []).append(line)
    first = parcel[0]
    urgent = any(notice.urgency_rank < 2 for notice in parcel)
    context = {
        "groups": groups, "count": len(parcel), "person": first.person, "urgent": urgent, "because": first.held_for
    }  # fmt: skip
    subject = ngettext("{number} further exception", "{number} further exceptions", len(parcel)).format(
        number=len(parcel)
    ) + ("" if urgent else gettext(", none of them urgent"))
    lines = [
        f"{group}: {', '.join(line['exception'].ref for line in found)}" for group, found in groups.items()
    ]
    mail: dict[str, Any] = {}
    if first.channel == NoticeChannel.EMAIL:
        mail = {
            "text": render_to_string("notify_app/digest.txt", context),
            "html": render_to_string("notify_app/digest.html", context),
        }
    return Letter(
        mark=f"digest-{first.pk}", targets=targets, subject=subject, body="\n".join(lines),
        url=f"{settings.PUBLIC_URL}/inbox/", urgency="normal", **mail,
    )  # fmt: skip
