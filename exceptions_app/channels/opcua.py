"""OPC UA as a way in: the settings of a server whose nodes a bridge subscribes to, and what a node id looks like.

Plain data; the bridge speaks the protocol. Node ids follow OPC UA Part 6, 5.3.1.10: `ns=2;s=Press.State`, or with the
namespace by its address, `nsu=http://plant.example/;s=Press.State`, which a server may number anew at every start.
"""

import re
from typing import Final

from exceptions_app.channels.port import Adapter, Setting

NONE: Final = "none"
SIGNED: Final = "Basic256Sha256"
_NODE_ID: Final = re.compile(
    r"(?:ns=\d{1,5};|nsu=(?P<uri>[^;]{1,150});)?"
    r"(?:i=\d{1,10}|s=.{1,200}|b=[A-Za-z0-9+/=]{1,200}|"
    r"g=[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
)

ADAPTER: Final = Adapter(
    code="opcua", name="OPC UA", channel="machine", guide="OPC UA",
    settings=(
        Setting("endpoint", "Endpoint", "url", required=True, help="opc.tcp://host:4840/path"),
        Setting(
            "security", "Security", "choice", default=NONE,
            choices=((NONE, "none"), (SIGNED, "Basic256Sha256, signed and encrypted")),
        ),
        Setting("certificate", "Own certificate", help="File on the bridge's machine, .pem or .der."),
        Setting("private_key", "Own key", help="File on the bridge's machine, .pem or .der."),
        Setting(
            "server_certificate", "Server's certificate",
            help="File on the bridge's machine; only the server that has this certificate is spoken to.",
        ),
        Setting(
            "application_uri", "Application URI", default="urn:execution-layer:bridge",
            help="As it stands in our own certificate.",
        ),
        Setting("user", "User"),
        Setting(
            "interval", "Publishing interval", "number", default=500,
            help="Milliseconds; how often the server sends what has changed.",
        ),
        Setting(
            "sampling", "Sampling interval", "number", default=100,
            help="Milliseconds; how often the server looks. Up to 50 changes between two sendings are kept.",
        ),
    ),
    secrets=(Setting("password", "Password"),),
)  # fmt: skip


def node_id_problem(text: str) -> str:
    """What is wrong with a node id, in words for beside a form field; empty when nothing is."""
    if _NODE_ID.fullmatch(text):
        return ""
    return "A node id is like ns=2;s=Press.State, ns=2;i=1001 or nsu=http://plant.example/;s=Press.State."


def with_index(text: str, namespaces: list[str]) -> str:
    """The node id with its namespace as the number it has in the server's table; ValueError for one not in it."""
    found = _NODE_ID.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:100]} is no node id")
    uri = found["uri"]
    if uri is None:
        return text
    if uri not in namespaces:
        raise ValueError(f"the server has no namespace {uri}")
    return f"ns={namespaces.index(uri)};{text.split(';', 1)[1]}"
