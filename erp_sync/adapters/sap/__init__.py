"""SAP S/4HANA as the ERP: its published OData services, spoken to over HTTPS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.sap.adapter import SapAdapter
from erp_sync.adapters.sap.profile import PROFILE


@port.register("sap", PROFILE)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one system; `settings` as in `SapAdapter`. No network until first used."""
    return SapAdapter(settings)


__all__ = ["SapAdapter", "build"]
