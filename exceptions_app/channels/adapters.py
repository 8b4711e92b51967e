"""Every channel adapter there is, by its code: each module says what it is in a constant `ADAPTER` (or `ADAPTERS`)."""

from exceptions_app.channels import (
    alerts,
    edi,
    mqtt,
    mtconnect,
    opcua,
    pagerduty,
    provider_files,
    slack,
    teams,
    twilio,
    webhook,
    whatsapp,
)
from exceptions_app.channels.mail import adapters as mail
from exceptions_app.channels.port import Adapter

ADAPTERS: dict[str, Adapter] = {
    adapter.code: adapter
    for adapter in (
        webhook.ADAPTER,
        pagerduty.ADAPTER,
        *alerts.ADAPTERS,
        whatsapp.ADAPTER,
        twilio.ADAPTER,
        slack.ADAPTER,
        teams.ADAPTER,
        *mail.ADAPTERS,
        mqtt.ADAPTER,
        opcua.ADAPTER,
        mtconnect.ADAPTER,
        edi.ADAPTER,
    )
}

#: Adapters whose files are fetched later; loading the module registers how.
FETCHED = frozenset(provider_files.CODES)


def adapter_of(code: str) -> Adapter | None:
    """The adapter of that code; None for sources that need none (form, station, API) or an unknown one."""
    return ADAPTERS.get(code)
