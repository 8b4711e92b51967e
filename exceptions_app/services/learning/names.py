"""Learnt names: what a site's people call a machine, an item or a partner, from the moment somebody said so.

Owns learning, withdrawing and bringing back. A name is learnt by a person's act only; one that the master data already
uses, one that looks like a code, and one that has come to mean two things are refused in words.
"""

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound
from exceptions_app.models import Correction, LearnedAlias
from exceptions_app.reading.normalise import key_of
from exceptions_app.reading.packs import shipped_packs
from exceptions_app.reading.phrases import LONGEST, clash, why_no_name
from exceptions_app.services.channels.index import current_index
from plant_app.models import Site, User
from plant_app.selectors import can

#: Kinds of master data people have names for; orders and lots have numbers, and those are never learnt.
NAMEABLE = frozenset({"work_unit", "work_centre", "area", "item", "customer", "supplier"})


def why_not_learn(*, site: Site, words: str, kind: str, code: str) -> str:
    """Why these words can't become a name of that row at that site; empty when they can, "known" when they are."""
    if kind not in NAMEABLE:
        return "goes by its number, which is never learnt"
    index = current_index()
    if index.lookup(kind, code) is None:
        return f"{code} is not known"
    return why_no_name(words, shipped_packs()) or clash(words, kind, code, index, site.code)


@transaction.atomic
def learn_name(
    *, site: Site, words: str, kind: str, code: str, actor: User, origin: Correction | None = None
) -> LearnedAlias | None:
    """From now on these words mean that row at that site; None where nothing is learnt (see `why_not_learn`).

    A name in use for another row gives way to the newer word of a person; where it has given way once already, the
    words mean more than one thing and none is kept. Locks the site's name.
    """
    words = " ".join(words.split())[:LONGEST]
    why = why_not_learn(site=site, words=words, kind=kind, code=code)
    if why:
        return None
    key = key_of(words)
    rows = list(
        LearnedAlias.objects.select_for_update(no_key=True, of=("self",))
        .filter(site=site, key=key)
        .order_by("pk")
    )
    standing = next((row for row in rows if row.active), None)
    if standing is not None:
        if (standing.kind, standing.code) == (kind, code):
            return standing
        twice = any(not row.active and row.note == _GAVE_WAY for row in rows)
        _withdraw(standing, actor, _GAVE_WAY)
        if twice:
            return None
    return LearnedAlias.objects.create(
        site=site, words=words, key=key, kind=kind, code=code, origin=origin, created_by=actor,
        created_at=clock.now(),
    )  # fmt: skip


_GAVE_WAY = "gave way to another meaning"


@transaction.atomic
def withdraw_name(*, alias_id: int, actor: User, note: str = "") -> LearnedAlias:
    """The words mean nothing any more, from the next message on; the row stays. NotAllowed, NotFound. Locks it."""
    row = _locked(alias_id)
    _allowed(actor, row.site_id)
    if row.active:
        _withdraw(row, actor, note)
    return row


@transaction.atomic
def restore_name(*, alias_id: int, actor: User) -> LearnedAlias:
    """Bring a withdrawn name back. InvalidInput `learning.name` where it is taken or no longer possible. Locks it."""
    row = _locked(alias_id)
    _allowed(actor, row.site_id)
    if row.active:
        return row
    if LearnedAlias.objects.filter(site=row.site, key=row.key, active=True).exists():
        raise InvalidInput(
            "learning.name", f"“{row.words}” means something else now.", "Withdraw that first."
        )
    why = why_not_learn(site=row.site, words=row.words, kind=row.kind, code=row.code)
    if why and why != "known":
        raise InvalidInput("learning.name", f"“{row.words}” can't be learnt: {why}.")
    row.active, row.withdrawn_at, row.withdrawn_by, row.note = True, None, None, ""
    row.save(update_fields=["active", "withdrawn_at", "withdrawn_by", "note"])
    return row


def _locked(alias_id: int) -> LearnedAlias:
    row = (
        LearnedAlias.objects.select_for_update(no_key=True, of=("self",))
        .select_related("site")
        .filter(pk=alias_id)
        .first()
    )
    if row is None:
        raise NotFound("learning.name", "There is no such name.")
    return row


def _allowed(actor: User, site_id: int) -> None:
    if not (can(actor, "exception.triage", site_id) or can(actor, "plant.edit", site_id)):
        raise NotAllowed("learning.not_allowed", "You may not change what names mean.", "Ask a planner.")


def _withdraw(row: LearnedAlias, actor: User, note: str) -> None:
    row.active, row.withdrawn_at, row.withdrawn_by, row.note = False, clock.now(), actor, note[:200]
    row.save(update_fields=["active", "withdrawn_at", "withdrawn_by", "note"])
