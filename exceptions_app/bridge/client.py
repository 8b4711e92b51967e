"""An MQTT connection whose messages are confirmed by hand, once what came of them is stored.

A persistent session (clean_start false) and a bounded number of unconfirmed messages: what was not confirmed when a
bridge died, the broker sends again. Knows neither topics nor payloads.
"""

import asyncio
import ssl
from typing import Any, Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from exceptions_app.models import Source

#: Unconfirmed messages a broker may have under way to us (MQTT 5); 3.1.1 brokers have a limit of their own.
MOST_UNCONFIRMED: Final = 20_000
MOST_WAITING: Final = 100_000
KEEPALIVE: Final = 20

Inbox = asyncio.Queue[aiomqtt.Message]


class ConfirmingClient(aiomqtt.Client):
    """aiomqtt with PUBACKs by hand; `inbox` holds what has come and was not taken yet."""

    def __init__(self, inbox: Inbox, **options: Any) -> None:
        super().__init__(queue_type=_handing(inbox), max_queued_incoming_messages=MOST_WAITING, **options)
        self._client.manual_ack_set(True)

    def confirm(self, message: aiomqtt.Message) -> None:
        """Tell the broker that it need not send this message again."""
        if message.qos:
            self._client.ack(message.mid, message.qos)


def connection_of(source: Source, *, slot: int, inbox: Inbox, will: aiomqtt.Will | None) -> ConfirmingClient:
    """A client for the source's broker, not connected yet. ValueError for settings that can't be meant."""
    config = source.config
    newer = str(config.get("protocol", "5")) != "3.1.1"
    hours = float(config.get("session_hours") or 24)
    options: dict[str, Any] = {
        "hostname": str(config.get("host", "")),
        "port": int(config.get("port") or (8883 if config.get("tls") else 1883)),
        "username": str(config.get("user") or "") or None,
        "password": str(source.secrets.get("password") or "") or None,
        "identifier": f"{config.get('client') or 'execlayer'}-{slot}",
        "keepalive": KEEPALIVE,
        "will": will,
    }
    if not options["hostname"]:
        raise ValueError("the source names no broker")
    if config.get("tls"):
        options["tls_context"] = ssl.create_default_context(cafile=str(config.get("ca_file") or "") or None)
    if newer:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = min(int(hours * 3600), 2**32 - 2)
        properties.ReceiveMaximum = MOST_UNCONFIRMED
        options |= {
            "protocol": aiomqtt.ProtocolVersion.V5,
            "clean_start": False,
            "properties": properties,
        }
    else:
        options |= {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": False}
    return ConfirmingClient(inbox, **options)


def _handing(inbox: Inbox) -> Any:
    """aiomqtt makes its queue itself; ours is made beforehand, so that a whole burst can be taken at once."""

    def hand(maxsize: int = 0) -> Inbox:
        return inbox

    return hand
