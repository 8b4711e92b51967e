"""Files as the way to an ERP: one CSV or JSON file a posting out, acknowledgement files in, CSV files read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.filedrop import exchange, rules
from erp_sync.adapters.filedrop.adapter import FileDropAdapter
from erp_sync.adapters.filedrop.codes import MAPPING_KINDS

PROFILE = port.Profile(
    label="File drop (CSV or JSON)",
    proof="documented",
    options=(
        *(replace(option, required=option.name in ("out", "in")) for option in exchange.OPTIONS),
        port.Option("format", "Format", default="csv", choices=("csv", "json")),
        port.Option("delimiter", "Delimiter of CSV", default=",", help="One character, or the word tab."),
        port.Option(
            "whole_stock",
            "Stock files name all the stock",
            type="flag",
            default=False,
            help="What the newest stock file does not name is empty then. Else a row stays as it was last named.",
        ),
        *rules.OPTIONS,
    ),
    mapping_kinds=MAPPING_KINDS,
    codes={**rules.CODES, **exchange.CODES},
    address_help="Left empty: the folders are options.",
)


@port.register("filedrop", PROFILE)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one pair of folders; `settings` as in `FileDropAdapter`. Touches no disk until first used."""
    return FileDropAdapter(settings)


__all__ = ["FileDropAdapter", "build"]
