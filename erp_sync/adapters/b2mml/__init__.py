"""B2MML V0700 as the way to an ERP: one XML message a posting, by folder or by HTTP, answered by ConfirmBOD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.b2mml.adapter import B2mmlAskingAdapter, B2mmlDropAdapter, B2mmlHttpAdapter
from erp_sync.adapters.filedrop import exchange, rules
from erp_sync.adapters.filedrop.codes import MAPPING_KINDS
from erp_sync.adapters.webhook import caller

PROFILE = port.Profile(
    label="B2MML V0700",
    proof="published",
    options=(
        *exchange.OPTIONS,
        port.Option(
            "idempotent", "The ERP takes a BODID once", "flag", False, help="However often it comes."
        ),
        port.Option("asks", "Ask for master data", "flag", False, help="By Get messages; needs an address."),
        *caller.OPTIONS,
        *rules.OPTIONS,
    ),
    mapping_kinds=MAPPING_KINDS,
    codes={
        **rules.CODES,
        **exchange.CODES,
        **caller.codes_of("b2mml"),
        "b2mml.not_carried": "B2MML has no message for it. Settle it by hand in the ERP.",
    },
    address_help=(
        "Left empty: messages go by the folders of the options. With a user the password is Basic, and a word "
        "whsec_... behind it proves the ERP's calls; without a user whsec_<base64> signs every message."
    ),
)


@port.register("b2mml", PROFILE)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """By HTTP where the connection has an address, by folder else. Touches nothing until first used."""
    if not settings.get("url"):
        return B2mmlDropAdapter(settings)
    return B2mmlAskingAdapter(settings) if settings.get("asks") is True else B2mmlHttpAdapter(settings)


__all__ = ["B2mmlAskingAdapter", "B2mmlDropAdapter", "B2mmlHttpAdapter", "build"]
