"""A signed HTTP call as the way to an ERP, for those a plant has written itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.filedrop import rules
from erp_sync.adapters.filedrop.codes import MAPPING_KINDS
from erp_sync.adapters.webhook import caller
from erp_sync.adapters.webhook.adapter import WebhookAdapter

PROFILE = port.Profile(
    label="Signed webhook",
    proof="documented",
    options=(
        port.Option(
            "status_url",
            "Status address",
            help="With {key} in it, on the same host; asked when it is not clear what became of a posting.",
        ),
        port.Option(
            "idempotent",
            "The ERP takes a key once",
            "flag",
            False,
            help="However often it comes. Only then, or with a status address, is an unclear posting sent again.",
        ),
        *caller.OPTIONS,
        *rules.OPTIONS,
    ),
    mapping_kinds=MAPPING_KINDS,
    codes={
        **rules.CODES,
        **caller.codes_of("webhook"),
        "webhook.secret": "The secret is missing or not of the form whsec_<base64>. Enter it at the connection.",
    },
    address_help="The address that takes the POST. The secret is the password: whsec_<base64>.",
)


@port.register("webhook", PROFILE)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one address; `settings` as in `WebhookAdapter`. No network until first used."""
    return WebhookAdapter(settings)


__all__ = ["WebhookAdapter", "build"]
