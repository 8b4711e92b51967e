"""A signed HTTP call as the way to an ERP, for those a plant has written itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.webhook.adapter import WebhookAdapter


@port.register("webhook")
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one address; `settings` as in `WebhookAdapter`. No network until first used."""
    return WebhookAdapter(settings)


__all__ = ["WebhookAdapter", "build"]
