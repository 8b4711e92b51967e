"""An OPC UA connection as a source describes it, and values as the rest of the product has them.

Part 4 5.12 to 5.13 (monitored items, subscriptions) and 7.38 (status codes): only a value of good severity counts.
Security is Basic256Sha256 with the server's certificate given beforehand, so nobody else can answer for it.
"""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from exceptions_app.channels.opcua import SIGNED
from exceptions_app.channels.port import number_of
from exceptions_app.machine.samples import Value
from exceptions_app.models import Source

#: Seconds a server may take for one answer.
ANSWER: Final = 8.0
#: Seconds without a change after which the server says that it is there.
KEEP_ALIVE: Final = 5.0
SESSION_MS: Final = 30_000
#: Info type "data value" with the overflow bit: changes were lost at the server between two sendings.
_OVERFLOW: Final = 0x480


async def client_of(source: Source) -> Client:
    """A client for the source's server, not connected yet. ValueError for settings that cannot be meant."""
    config = source.config
    endpoint = str(config.get("endpoint") or "")
    if not endpoint.startswith("opc.tcp://"):
        raise ValueError("the source's endpoint must begin with opc.tcp://")
    client = Client(endpoint, timeout=ANSWER)
    client.name = client.description = "Execution layer"
    client.session_timeout = SESSION_MS
    client.application_uri = str(config.get("application_uri") or "urn:execution-layer:bridge")
    if config.get("user"):
        client.set_user(str(config["user"]))
        client.set_password(str(source.secrets.get("password") or ""))
    if config.get("security") == SIGNED:
        files = {
            name: str(config.get(name) or "") for name in ("certificate", "private_key", "server_certificate")
        }
        missing = [name for name, path in files.items() if not path or not Path(path).is_file()]
        if missing:
            raise ValueError(f"no file for {', '.join(missing).replace('_', ' ')}")
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            certificate=files["certificate"],
            private_key=files["private_key"],
            server_certificate=files["server_certificate"],
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
    return client


def subscription_of(source: Source) -> ua.CreateSubscriptionParameters:
    """What is asked of the server: how often it sends, when it says it is there, when it forgets us."""
    interval = number_of(source.config, "interval", default=500, low=50, high=60_000)
    alive = max(1, round(KEEP_ALIVE * 1000 / interval))
    return ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=interval,
        RequestedMaxKeepAliveCount=alive,
        RequestedLifetimeCount=alive * 6,
        MaxNotificationsPerPublish=10_000,
        PublishingEnabled=True,
        Priority=0,
    )


def patience_of(parameters: ua.CreateSubscriptionParameters) -> float:
    """Seconds without any word after which a subscription with these (revised) parameters is dead."""
    interval = parameters.RequestedPublishingInterval / 1000
    return max(3 * interval * max(1, parameters.RequestedMaxKeepAliveCount), 5.0) + ANSWER


def value_of(data: ua.DataValue) -> Value:
    """One value; None for arrays, structures and what else is no single value."""
    value = data.Value.Value if data.Value is not None else None
    if isinstance(value, ua.LocalizedText):
        value = value.Text
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return str(value)[:1000]
    return None


def good_of(data: ua.DataValue) -> bool:
    """Whether the server vouches for the value: severity good, no overflow's loss changes that."""
    return data.StatusCode is None or bool(data.StatusCode.is_good())


def overflown(data: ua.DataValue) -> bool:
    """Whether changes before this one were lost in the server's queue."""
    return data.StatusCode is not None and data.StatusCode.value & _OVERFLOW == _OVERFLOW


def moment_of(data: ua.DataValue) -> int | None:
    """The source's time in milliseconds, else the server's; None when there is neither."""
    for moment in (data.SourceTimestamp, data.ServerTimestamp):
        if isinstance(moment, datetime) and moment.year > 1970:
            aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            return int(aware.timestamp() * 1000)
    return None


def node_of(client: Client, text: str) -> Any:
    """The library's node of a node id with a numbered namespace; UaError when it cannot be read."""
    return client.get_node(ua.NodeId.from_string(text))
