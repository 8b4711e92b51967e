"""B2MML V0700 as the way to an ERP: one XML message a posting, by folder or by HTTP, answered by ConfirmBOD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.b2mml.adapter import B2mmlDropAdapter, B2mmlHttpAdapter


@port.register("b2mml")
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """By HTTP where the connection has an address, by folder else. Touches nothing until first used."""
    return B2mmlHttpAdapter(settings) if settings.get("url") else B2mmlDropAdapter(settings)


__all__ = ["B2mmlDropAdapter", "B2mmlHttpAdapter", "build"]
