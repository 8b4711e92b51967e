"""Who may ask about whom, and both answers together: for the dialog of the exception page and for the API."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from boards_app.selectors.why import why_owner
from boards_app.selectors.why_not import why_person
from core.errors import NotAllowed, NotFound
from exceptions_app.models import ExceptionRecord, Response, Telling
from plant_app.models import AccessGrant, User
from plant_app.selectors import can


def answers_for(exception: ExceptionRecord, reader: User, wanted: str = "") -> dict[str, Any]:
    """The owner's answer and that of the person of username `wanted` (the reader where empty), with who may be chosen.

    `exception` is one the reader may see. NotAllowed `people.not_allowed` to ask about another without the right to
    see people there; NotFound `people.not_found` for somebody who has nothing to do with the place or the record.
    """
    others = can(reader, "people.view", exception.site_id)
    person = reader
    if wanted and wanted != reader.username:
        if not others:
            raise NotAllowed("people.not_allowed", "You may ask about yourself only.")
        found = askable(exception).filter(username=wanted).first()
        if found is None:
            raise NotFound("people.not_found", f"Nobody called {wanted} has to do with {exception.ref}.")
        person = found
    private = person.pk == reader.pk or can(reader, "plant.edit", exception.site_id)
    return {
        "owner": why_owner(exception),
        "person": person,
        "about": why_person(exception, person, private=private),
        "choices": [(one.username, str(one)) for one in askable(exception)] if others else [],
    }


def askable(exception: ExceptionRecord) -> QuerySet[User]:
    """People with access to the record's site, and whoever was asked or told of it, by name."""
    here = AccessGrant.objects.filter(user=OuterRef("pk"), site=exception.site_id)
    asked = Response.objects.filter(person=OuterRef("pk"), exception=exception)
    told = Telling.objects.filter(person=OuterRef("pk"), exception=exception)
    return User.objects.filter(
        Q(is_active=True) & Exists(here) | Q(Exists(asked)) | Q(Exists(told))
    ).order_by("display_name", "username")
