"""How a mirrored row says that ERP has it no more: in place of its version there. Pure."""

from datetime import datetime

_GONE = "gone"


def gone_version(at: datetime | None = None) -> str:
    """The version of a row ERP has had no more since `at`; without one, what all such versions begin with."""
    return f"{_GONE} {at.isoformat(timespec='seconds')}" if at is not None else f"{_GONE} "


def is_gone(version: str) -> bool:
    """Whether a row with this version is known here only."""
    return version.startswith(gone_version())


def gone_since(version: str) -> datetime | None:
    """Since when, None for a row ERP has."""
    return datetime.fromisoformat(version.removeprefix(gone_version())) if is_gone(version) else None
