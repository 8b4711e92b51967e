"""That something people speak of by code or name has changed: what an index of such words watches.

PostgreSQL itself leaves a row here for every statement that touches a code, name or alias, so no writer can forget it.
The rows carry nothing but their existence; the count and the highest one are the version of the words.
"""

import pgtrigger
from django.db import models

from core import clock

_NOTE = 'INSERT INTO plant_app_masterchange ("at") VALUES (now()); RETURN NULL;'


class MasterChange(models.Model):
    """One statement that added, removed or renamed something linkable."""

    at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.pk}"


def master_triggers(*columns: str) -> list[pgtrigger.Trigger]:
    """Triggers that note inserts, deletes and changes of `columns`; once per statement, so a bulk load notes once."""
    return [
        pgtrigger.Trigger(
            name="words_changed",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Insert | pgtrigger.Delete | pgtrigger.UpdateOf(*columns),
            func=_NOTE,
        )
    ]
