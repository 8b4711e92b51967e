"""Files as the way to an ERP: one CSV or JSON file a posting out, acknowledgement files in, CSV files read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erp_sync.adapters import port
from erp_sync.adapters.filedrop.adapter import FileDropAdapter


@port.register("filedrop")
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one pair of folders; `settings` as in `FileDropAdapter`. Touches no disk until first used."""
    return FileDropAdapter(settings)


__all__ = ["FileDropAdapter", "build"]
