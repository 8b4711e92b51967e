"""The senders a site starts with: its stations, its forms, the printed codes of its machines (by name or not), its API
clients, and a webhook to try things with.
"""

from collections.abc import Iterable, Sequence
from secrets import token_urlsafe
from typing import Any

from django.db import transaction

from exceptions_app.channels.webhook import new_secret
from exceptions_app.models import Channel, Source
from plant_app.models import Site

_KINDS = (
    ("station", Channel.STATION, "Stations"),
    ("form", Channel.FORM, "Forms"),
    ("qr", Channel.FORM, "Printed codes"),
    ("anonymous", Channel.FORM, "Anonymous reports"),
    ("api", Channel.API, "API"),
    ("demo", Channel.WEBHOOK, "Demo webhook"),
)
# Kinds whose messages only raise questions until an administrator trusts them.
_UNTRUSTED = frozenset({"anonymous"})
# What the demo webhook's payload looks like: a flat event of a machine gateway.
DEMO_MAPPING = {
    "text": "message",
    "external_id": "id",
    "occurred_at": "time",
    "reporter": "sender",
    "type": "kind",
    "work_unit": "machine.code",
    "reason": "cause",
}


def source_code(kind: str, site: Site) -> str:
    """Code of a site's own source of that kind: `api-rhf`."""
    return f"{kind}-{site.code.lower()}"


@transaction.atomic
def load_default_sources(*, sites: Iterable[Site] | None = None) -> list[Source]:
    """Make sure every site has its station, form, code, API and demo webhook sources; returns them all.

    Changes none that is there, so a secret or mapping somebody edited stays. No lock.
    """
    found = []
    for site in sites if sites is not None else Site.objects.order_by("pk"):
        for kind, channel, name in _KINDS:
            webhook = channel == Channel.WEBHOOK
            source, _ = Source.objects.get_or_create(
                code=source_code(kind, site),
                defaults={
                    "name": f"{name} {site.name}"[:80],
                    "channel": channel,
                    "adapter": "webhook" if webhook else "",
                    "site": site,
                    "trusted": kind not in _UNTRUSTED,
                    "secret": new_secret() if webhook else "",
                    "mapping": DEMO_MAPPING if webhook else {},
                },
            )
            found.append(source)
    return found


def source_of(*, kind: str, site: Site) -> Source:
    """The site's own source of `kind` (station, form, qr, anonymous, api), added when it is missing."""
    found = Source.objects.select_related("site").filter(code=source_code(kind, site)).first()
    if found is None:
        load_default_sources(sites=[site])
        found = Source.objects.select_related("site").get(code=source_code(kind, site))
    return found


@transaction.atomic
def ensure_edi_source(*, site: Site, folder: str, partners: Sequence[Any]) -> Source:
    """Make sure the site has an EDI source that takes files from `folder` for these partners (as
    `channels.edi.partners` describes them), with a bearer token of its own. One that is there stays as it is. No lock.
    """
    source, _ = Source.objects.get_or_create(
        code=source_code("edi", site),
        defaults={
            "name": f"EDI {site.name}"[:80],
            "channel": Channel.EDI,
            "adapter": "edi",
            "site": site,
            "secret": new_secret(),
            "secrets": {"token": token_urlsafe(24)},
            "config": {"folder": folder, "partners": list(partners)},
        },
    )
    return source
