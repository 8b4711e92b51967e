"""What people may change about themselves."""

from django.db import transaction

from core.errors import InvalidInput
from core.languages import known
from plant_app.models import User


@transaction.atomic
def choose_language(*, person: User, language: str) -> None:
    """Remember the language `person` is shown labels in. Raises InvalidInput `language.unknown`. Locks the person."""
    code = known(language)
    if not code:
        raise InvalidInput("language.unknown", "There are no labels in that language.")
    held = User.objects.select_for_update(no_key=True, of=("self",)).get(pk=person.pk)
    held.language = code
    held.save(update_fields=["language"])
    person.language = code
