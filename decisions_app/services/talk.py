"""Talk: what people say to everyone on an exception's page."""

from django.db import transaction

from core import clock
from core.errors import InvalidInput
from core.hints import hint
from decisions_app.models import Comment
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind
from plant_app.models import User


@transaction.atomic
def comment(*, exception_id: int, author: User, text: str, via: str = "") -> Comment:
    """Say something on a record, whatever its status. Raises InvalidInput for no words. Locks the exception."""
    words = text.strip()
    if not words:
        raise InvalidInput("talk.empty", "Say something.")
    exception = exceptions.locked(exception_id=exception_id)
    said = Comment.objects.create(exception=exception, author=author, text=words[:2000], at=clock.now())
    exceptions.record_event(
        exception=exception,
        kind=EventKind.COMMENTED,
        actor=author,
        via=via,
        text=words[:300],
        data={"comment": said.pk},
    )
    hint(*exceptions.groups_of(exception), kind="comment", ref=exception.ref)
    return said
