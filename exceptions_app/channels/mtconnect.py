"""MTConnect as a way in: the settings of an agent a bridge reads. Plain data; the bridge speaks the protocol."""

from typing import Final

from exceptions_app.channels.port import Adapter, Setting

STREAM: Final = "stream"
POLL: Final = "poll"

ADAPTER: Final = Adapter(
    code="mtconnect", name="MTConnect", channel="machine", guide="MTConnect",
    settings=(
        Setting("url", "Agent", "url", required=True, help="http://host:5000, without /current."),
        Setting("device", "Device", help="Only this device of the agent; empty: all of them."),
        Setting(
            "mode", "Reading", "choice", default=STREAM,
            choices=((STREAM, "one lasting answer, as things happen"), (POLL, "a request per interval")),
        ),
        Setting("interval", "Interval", "number", default=500, help="Milliseconds between two looks."),
        Setting(
            "heartbeat", "Heartbeat", "number", default=10,
            help="Seconds after which the agent says that nothing has changed; two without a word are a lost agent.",
        ),
        Setting("count", "Observations", "number", default=1000, help="Most of them in one answer."),
    ),
)  # fmt: skip
