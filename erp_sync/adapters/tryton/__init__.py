"""Tryton 8.0 as the ERP: a separate server, spoken to over HTTP, never imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.tryton.adapter import TrytonAdapter
from erp_sync.adapters.tryton.codes import PROFILE


@port.register("tryton", PROFILE)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one database; `settings` as in `TrytonAdapter`. No network until first used."""
    return TrytonAdapter(settings)


__all__ = ["TrytonAdapter", "build"]
