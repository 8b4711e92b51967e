"""Signed links that let a person answer from a message without logging in, safe against link scanners.

A link names one notice and is signed with a time; opening it changes nothing, only posting the form does.
"""

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from core.errors import NotFound
from notify_app.models import Notice

SALT = "notify_app.answer"
LIFE = timedelta(days=3)


def answer_url(notice: Notice) -> str:
    """The absolute address of the notice's answer page."""
    token = signing.dumps(notice.pk, salt=SALT)
    return f"{settings.PUBLIC_URL}{reverse('answer', args=[token])}"


def notice_of(token: str) -> Notice:
    """The notice a link names. Raises NotFound (`notices.link`) for a forged, changed or outdated one."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=LIFE)
    except signing.BadSignature:
        raise NotFound(
            "notices.link", "This link is not valid any more.", "Open the exception in the portal instead."
        ) from None
    notice = (
        Notice.objects.select_related("exception__site", "exception__type", "response__function", "person")
        .filter(pk=pk)
        .first()
    )
    if notice is None:
        raise NotFound("notices.link", "This link is not valid any more.")
    return notice
