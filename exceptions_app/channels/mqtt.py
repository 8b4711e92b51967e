"""MQTT as a way in: the settings of a source whose topics a bridge subscribes to. Plain data; the bridge speaks it."""

from typing import Final

from exceptions_app.channels.port import Adapter, Setting

JSON: Final = "json"
SPARKPLUG: Final = "sparkplug"
#: Adapters whose signals are a bridge's own: judged already, known by node and signal.
BRIDGED: Final = frozenset({"mqtt", "opcua", "mtconnect"})

ADAPTER: Final = Adapter(
    code="mqtt", name="MQTT", channel="machine", guide="Machine data",
    settings=(
        Setting("host", "Broker", required=True, help="Host name or address."),
        Setting("port", "Port", "number", default=1883, help="Usually 1883, with TLS 8883."),
        Setting("tls", "TLS", "yes_no", default=False, help="Certificates are checked by the system's authorities."),
        Setting("ca_file", "Authority", help="File of a plant's own certificate authority, on the bridge's machine."),
        Setting(
            "kind", "Messages", "choice", default=JSON,
            choices=((JSON, "plain JSON, by topic"), (SPARKPLUG, "Sparkplug B")),
        ),
        Setting("user", "User"),
        Setting("client", "Client id", default="execlayer", help="Each bridge adds its slot: execlayer-1."),
        Setting(
            "topics", "Topics", "lines",
            help="What to subscribe to, one a line; empty: what the signals' topics amount to.",
        ),
        Setting(
            "host_id", "Primary host", help="Sparkplug: announce this name as primary host application; empty: not."
        ),
        Setting(
            "session_hours", "Session", "number", default=24,
            help="Hours the broker keeps messages for a bridge that is away.",
        ),
        Setting(
            "protocol", "Protocol", "choice", default="5",
            choices=(("5", "MQTT 5"), ("3.1.1", "MQTT 3.1.1")),
        ),
    ),
    secrets=(Setting("password", "Password"),),
)  # fmt: skip
