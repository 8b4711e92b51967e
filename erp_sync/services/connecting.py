"""Which connection serves a site, and the connector behind it.

Owns adapter instances (one per thread and connection: connectors keep a session and are not shared between threads)
and the demo's connections. Must not know: what is sent.
"""

import threading
from collections.abc import Mapping
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction

from core import clock
from erp_sync import access, said
from erp_sync.adapters import port
from erp_sync.errors import ErpUnavailable
from erp_sync.models import CodeMapping, ConnectionSite, ErpConnection
from erp_sync.services.sealing import opened_secret
from plant_app.models import Site

LEDGER = "ledger"
_kept = threading.local()


def address_of(connection: ErpConnection) -> access.Address:
    """Address and secret of a connection as they are now. No network."""
    if connection.password_source == access.INSTALLATION:
        return access.installation_address(django_settings.ERP_STATE_FILE)
    if connection.password_source == access.STORED:
        password, wrong = opened_secret(connection)
    else:
        password, wrong = access.read_password(connection.password_source)
    return access.Address(
        url=connection.base_url,
        database=connection.database,
        username=connection.username,
        password=password,
        ready=not wrong,
        detail=wrong,
    )


def adapter_for(connection: ErpConnection) -> port.ErpAdapter:
    """The connector of a connection, built anew when its kind, address, secret or mappings changed.

    No network. Raises ErpUnavailable (nothing sent) while the connection's address is not ready.
    """
    address = address_of(connection)
    if not address.ready:
        raise ErpUnavailable(address.detail, code="erp.not_ready", sent=False)
    wanted = (connection.kind, _adapter_settings(connection, address))
    kept: dict[int, tuple[tuple[str, Mapping[str, Any]], port.ErpAdapter]] = _kept.__dict__.setdefault(
        "adapters", {}
    )
    found = kept.get(connection.pk)
    if found is not None:
        if found[0] == wanted:
            return found[1]
        found[1].close()
    adapter = port.build(*wanted)
    kept[connection.pk] = (wanted, adapter)
    return adapter


def secret_in_use(connection: ErpConnection) -> str:
    """The secret this thread last spoke to the ERP with; empty before it did."""
    kept = _kept.__dict__.get("adapters", {}).get(connection.pk)
    return str(kept[0][1].get("password", "")) if kept else ""


def fit_words(connection: ErpConnection, words: str) -> str:
    """Words of an ERP or its connector as they may be kept and shown: without the login, and storable."""
    return str(said.storable(said.without(secret_in_use(connection), words)))


def capability_of(connection: ErpConnection, command: port.PostingCommand) -> port.Capability:
    """Whether the connected ERP takes a command. Asks nobody, so it also answers while the ERP is away or unbuilt."""
    return unasked_adapter(connection).capability(command)


def unasked_adapter(connection: ErpConnection) -> port.ErpAdapter:
    """The connector for questions it answers without its ERP; there also while the ERP's address is not ready."""
    if address_of(connection).ready:
        return adapter_for(connection)
    placeholder = access.Address(url="http://erp.invalid")
    return port.build(connection.kind, _adapter_settings(connection, placeholder))


def connection_for(site: Site) -> ErpConnection | None:
    """Where a site's postings go now: inside a moved clock the ledger, else the site's default connection."""
    served = ErpConnection.objects.filter(enabled=True, site_links__site=site)
    if clock.moved():
        ledger = served.filter(is_ledger=True).order_by("pk").first()
        if ledger is not None:
            return ledger
    return live_connection_for(site)


def live_connection_for(site: Site) -> ErpConnection | None:
    """The site's default connection to a living ERP, whatever the clock says."""
    return (
        ErpConnection.objects.filter(
            enabled=True, is_ledger=False, site_links__site=site, site_links__is_default=True
        )
        .order_by("pk")
        .first()
    )


@transaction.atomic
def ensure_demo_connections(*, tryton: Mapping[str, str] | None) -> dict[str, ErpConnection]:
    """Make the demo's connections for all sites exist and be as wanted; returns them by code. Safe to repeat.

    `tryton`: None switches the ERP connection off (it is kept, with its postings); an empty mapping means the ERP
    this installation builds itself, found when it is ready; `url`, `database`, `username`, `password_source` name
    another one. The ledger is always there: it takes what is posted under a moved clock.
    """
    made: dict[str, ErpConnection] = {}
    sites = list(Site.objects.all())
    ledger, _ = ErpConnection.objects.update_or_create(
        code=LEDGER, defaults={"name": "History ledger", "kind": "ledger", "is_ledger": True, "enabled": True}
    )
    made[LEDGER] = ledger
    for site in sites:
        ConnectionSite.objects.get_or_create(connection=ledger, site=site, defaults={"is_default": False})
    if tryton is None:
        ErpConnection.objects.filter(code="tryton").update(enabled=False)
        return made
    own = not tryton.get("url")
    connection, _ = ErpConnection.objects.update_or_create(
        code="tryton",
        defaults={
            "name": "Tryton",
            "kind": "tryton",
            "is_ledger": False,
            "enabled": True,
            "base_url": tryton.get("url", ""),
            "database": tryton.get("database", ""),
            "username": tryton.get("username", ""),
            "password_source": access.INSTALLATION if own else tryton.get("password_source", ""),
        },
    )
    made["tryton"] = connection
    for site in sites:
        taken = (
            ConnectionSite.objects.filter(site=site, is_default=True).exclude(connection=connection).exists()
        )
        ConnectionSite.objects.get_or_create(
            connection=connection, site=site, defaults={"is_default": not taken}
        )
    return made


def _adapter_settings(connection: ErpConnection, address: access.Address) -> dict[str, Any]:
    """One flat mapping: code mappings of kind `blocked` are found under `blocked`, over what the ERP's builder left."""
    mappings: dict[str, Any] = {**address.extra, **connection.options}
    for kind, ours, theirs in CodeMapping.objects.filter(connection=connection).values_list(
        "kind", "ours", "theirs"
    ):
        known = mappings.get(kind)
        mappings[kind] = {**(known if isinstance(known, dict) else {}), ours: theirs}
    return {
        **mappings,
        "code": connection.code,
        "url": address.url,
        "database": address.database,
        "username": address.username,
        "password": address.password,
    }
