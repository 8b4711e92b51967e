"""Microsoft Dynamics 365 Business Central as the ERP: API v2.0, OData V4 over HTTPS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.business_central.adapter import BusinessCentralAdapter
from erp_sync.adapters.business_central.profile import PROFILE


@port.register("business_central", PROFILE)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one company. No network until first used."""
    return BusinessCentralAdapter(settings)


__all__ = ["PROFILE", "BusinessCentralAdapter", "build"]
