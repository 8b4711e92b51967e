"""Talk: what people say to everyone on an exception's page, whom they name, and the photos they add.

A comment is never changed; who erred says so in the next one. A mention tells like everything else tells: by a due
telling of the person, or of whoever answers for the function now.
"""

from collections.abc import Sequence

from django.db import transaction

from core import clock
from core.errors import InvalidInput
from core.hints import hint
from decisions_app.models import Comment, CommentFiles, Mention
from decisions_app.talk_words import names_in
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord, ResponseStatus, TellingReason
from plant_app.models import Function, User


@transaction.atomic
def comment(
    *, exception_id: int, author: User, text: str, via: str = "", photos: Sequence[exceptions.Enclosure] = ()
) -> Comment:
    """Say something on a record, whatever its status; `photos` are kept as a report's are.

    People and functions named with `@` are told, the author and people who may not see the record excepted. Raises
    InvalidInput for neither words nor photos. Locks the exception.
    """
    words = text.replace("\x00", "").strip()[:2000]
    if not words and not photos:
        raise InvalidInput("talk.empty", "Say something.")
    exception = exceptions.locked(exception_id=exception_id)
    said = Comment.objects.create(exception=exception, author=author, text=words, at=clock.now())
    exceptions.record_event(
        exception=exception,
        kind=EventKind.COMMENTED,
        actor=author,
        via=via,
        text=words[:300] or "sent something along",
        data={"comment": said.pk},
    )
    if photos:
        signal = exceptions.enclose_in_talk(
            exception=exception, author=author, key=f"talk-{said.pk}", text=words, enclosures=photos
        )
        CommentFiles.objects.create(comment=said, signal=signal)
    _mention(exception, said)
    hint(*exceptions.groups_of(exception), kind="comment", ref=exception.ref)
    return said


def _mention(exception: ExceptionRecord, said: Comment) -> None:
    """Keep whom a comment names, and let each be told once. The caller holds the exception's lock."""
    names = names_in(said.text)
    if not names:
        return
    functions = {one.code.casefold(): one for one in Function.objects.filter(code__in=names)}
    people = {
        one.username.casefold(): one
        for name in names
        for one in User.objects.filter(username__iexact=name, is_active=True)
    }
    words = f"{said.author}: {said.text}"
    told = {said.author_id}
    for name in names:
        function, person = functions.get(name), people.get(name)
        if function is not None:
            Mention.objects.create(comment=said, name=name, function=function)
            answers = exception.responses.filter(function=function).exclude(status=ResponseStatus.DECLINED)
            response = answers.select_related("person").order_by("-is_owner", "pk").first()
            person = response.person if response is not None else None
            if person is None:
                exceptions.tell(
                    exception=exception, text=words, function=function, reason=TellingReason.MENTION
                )
                continue
        elif person is not None and ExceptionRecord.objects.for_user(person).filter(pk=exception.pk).exists():
            Mention.objects.create(comment=said, name=name, person=person)
        else:
            continue
        if person.pk not in told:
            told.add(person.pk)
            exceptions.tell(exception=exception, text=words, person=person, reason=TellingReason.MENTION)
