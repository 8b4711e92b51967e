"""Every channel adapter there is, by its code: each module says what it is in a constant `ADAPTER` (or `ADAPTERS`)."""

from exceptions_app.channels import alerts, pagerduty, webhook
from exceptions_app.channels.port import Adapter

ADAPTERS: dict[str, Adapter] = {
    adapter.code: adapter
    for adapter in (
        webhook.ADAPTER,
        pagerduty.ADAPTER,
        *alerts.ADAPTERS,
    )
}


def adapter_of(code: str) -> Adapter | None:
    """The adapter of that code; None for sources that need none (form, station, API) or an unknown one."""
    return ADAPTERS.get(code)
