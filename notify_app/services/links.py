"""Links that let a person answer from a message without logging in, safe against link scanners.

A link names one notice and is signed over that notice's person and response, so it answers for them and nothing else.
It is short, because a text message has little room. Opening it changes nothing, only posting the form does. It ends
after three days, when its person may no longer log in, and when the answer has become somebody else's.
"""

import hmac
from datetime import timedelta
from typing import NoReturn

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import base36_to_int, int_to_base36
from django.utils.translation import gettext_noop

from core import clock
from core.errors import NotFound
from exceptions_app.models import ResponseStatus
from notify_app.models import Notice

SALT = "notify_app.answer.2"
LIFE = timedelta(days=3)
#: 20 hex digits: 80 bits, beyond guessing through a web server, short enough for a text message.
SIGNATURE = 20


def answer_url(notice: Notice) -> str:
    """The absolute address of the notice's answer page."""
    token = f"{int_to_base36(notice.pk)}-{_signature(notice, settings.SECRET_KEY)}"
    return f"{settings.PUBLIC_URL}{reverse('answer', args=[token])}"


def notice_of(token: str) -> Notice:
    """The notice a link names. Raises NotFound (`notices.link`) for a forged, changed, ended or revoked one."""
    number, _, signature = token.partition("-")
    try:
        pk = base36_to_int(number)
    except ValueError:
        _refuse()
    notice = (
        Notice.objects.select_related(
            "exception__site",
            "exception__type",
            "response__function",
            "response__person",
            "person",
            "address",
        )
        .filter(pk=pk if pk < 2**63 else 0)
        .first()
    )
    if notice is None or not _genuine(notice, signature):
        _refuse()
    if clock.now() - notice.created_at > LIFE or not notice.person.is_active:
        _refuse()
    if (now_with := reassigned(notice)) is not None:
        raise NotFound(
            "notices.link_revoked",
            f"This is no longer yours to answer{now_with}.",
            gettext_noop("Nothing is left to do here."),
        )
    return notice


def reassigned(notice: Notice) -> str | None:
    """Why the notice's answer is not its person's any more, as the end of a sentence; None while it is."""
    response = notice.response
    if response is None:
        return None
    if response.status == ResponseStatus.DECLINED and notice.answer != "decline":
        return ": it was passed on"
    passed = notice.asked_id is not None and response.person_id not in (notice.asked_id, notice.person_id)
    if passed and response.person is not None:
        return f": it is with {response.person} now"
    return None


def _refuse() -> NoReturn:
    raise NotFound(
        "notices.link",
        gettext_noop("This link is not valid any more."),
        gettext_noop("Open the exception in the portal instead."),
    ) from None


def _genuine(notice: Notice, signature: str) -> bool:
    known = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return any(hmac.compare_digest(signature.encode(), _signature(notice, key).encode()) for key in known)


def _signature(notice: Notice, key: str) -> str:
    value = f"{notice.pk}:{notice.person_id}:{notice.response_id or ''}"
    return salted_hmac(SALT, value, secret=key, algorithm="sha256").hexdigest()[:SIGNATURE]
