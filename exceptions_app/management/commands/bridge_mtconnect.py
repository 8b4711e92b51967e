"""`manage.py bridge_mtconnect`: read machine data from MTConnect agents until stopped; several may run."""

from exceptions_app.bridge.command import BridgeCommand
from exceptions_app.bridge.mtconnect import MtConnectBridge
from exceptions_app.channels.mtconnect import ADAPTER


class Command(BridgeCommand):
    help = "Read machine data from MTConnect agents. A second bridge (--slot 2) takes half of the nodes."
    adapter = ADAPTER.code
    bridge = MtConnectBridge
