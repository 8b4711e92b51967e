"""Printed codes of work units: one live code each, made when first printed, revocable, its address signed.

Owns the only way from a printed address to a work unit. Must not know what the page behind it asks.
"""

import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from core import clock
from core.errors import NotFound
from plant_app.labels import Label, sheet
from plant_app.models import UnitCode, User, WorkUnit

# Crockford's alphabet: nothing that is mistaken for something else when typed from a sticker.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
KEY_LENGTH: Final = 8
SIGNATURE_LENGTH: Final = 10  # 50 bits: guessing is hopeless at the rate the page answers
_SALT: Final = "plant.unit-code"


@transaction.atomic
def codes_for(*, work_units: Iterable[WorkUnit], actor: User | None = None) -> list[UnitCode]:
    """The live code of each unit, in the units' order; made where there is none, so a reprint opens the same page.

    Two printing at once get the same code: the database holds one live code per unit. Takes no lock.
    """
    units = list(work_units)
    rows = UnitCode.objects.filter(work_unit__in=units, revoked_at=None)
    live = {row.work_unit_id: row for row in rows.select_related("work_unit__work_centre__area__site")}
    return [live.get(unit.pk) or _made(unit, actor) for unit in units]


def _made(unit: WorkUnit, actor: User | None) -> UnitCode:
    key = "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH))
    try:
        with transaction.atomic():
            return UnitCode.objects.create(work_unit=unit, key=key, created_at=clock.now(), created_by=actor)
    except IntegrityError:
        found = UnitCode.objects.filter(work_unit=unit, revoked_at=None).first()
        return found or _made(unit, actor)  # else the key was taken, once in 10^12


@transaction.atomic
def revoke_codes(*, work_units: Iterable[WorkUnit], actor: User) -> int:
    """End the printed codes of these units: their stickers open nothing any more. Returns how many. Locks the rows."""
    return UnitCode.objects.filter(work_unit__in=list(work_units), revoked_at=None).update(
        revoked_at=clock.now(), revoked_by=actor
    )


def token_of(code: UnitCode) -> str:
    """What stands in the address: the key and its signature, `7KQ4M2XP-9FHT3WZC2A`."""
    return f"{code.key}-{_signature(code.key, settings.SECRET_KEY)}"


def address_of(code: UnitCode) -> str:
    """The absolute address on the sticker."""
    return f"{settings.PUBLIC_URL}/r/{token_of(code)}/"


def code_of_token(token: str) -> UnitCode:
    """The live code behind an address, its unit up to the site joined; capitals and lookalikes do not matter.

    Raises NotFound `codes.unknown` for a forged, revoked or unknown one, and for a unit that is out of use: they look
    alike on purpose. Signatures of earlier secret keys (SECRET_KEY_FALLBACKS) still count.
    """
    key, _dash, signature = token.strip().upper().translate(_ALIKE).partition("-")
    known = [str(one) for one in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    sound = any(
        hmac.compare_digest(signature.encode(), _signature(key, secret).translate(_ALIKE).encode())
        for secret in known
    )
    code = None
    if sound:
        code = (
            UnitCode.objects.select_related("work_unit__work_centre__area__site")
            .filter(key=key, revoked_at=None, work_unit__active=True)
            .first()
        )
    if code is None:
        raise NotFound(
            "codes.unknown",
            "This code is not valid any more.",
            "Tell your shift supervisor, who can print a new one.",
        )
    return code


def _signature(key: str, secret: str) -> str:
    digest = salted_hmac(_SALT, key, secret=secret, algorithm="sha256").digest()
    number = int.from_bytes(digest[:8], "big")
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(SIGNATURE_LENGTH))


def code_sheet(*, work_units: Iterable[WorkUnit], actor: User | None = None) -> bytes:
    """The PDF with these units' codes, in their order; makes the codes that are missing."""
    labels = []
    for code in codes_for(work_units=work_units, actor=actor):
        unit = code.work_unit
        centre = unit.work_centre
        site = centre.area.site
        labels.append(
            Label(
                code=unit.code, name=unit.name, place=f"{site.name}, {centre.name}", address=address_of(code),
                language=site.language,
            )
        )  # fmt: skip
    return sheet(labels, fonts=settings.BASE_DIR / "static" / "fonts")
