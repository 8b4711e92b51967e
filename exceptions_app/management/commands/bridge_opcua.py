"""`manage.py bridge_opcua`: read machine data from OPC UA servers until stopped; several may run."""

from exceptions_app.bridge.command import BridgeCommand
from exceptions_app.bridge.opcua import OpcUaBridge
from exceptions_app.channels.opcua import ADAPTER


class Command(BridgeCommand):
    help = "Read machine data from OPC UA servers. A second bridge (--slot 2) takes half of the nodes."
    adapter = ADAPTER.code
    bridge = OpcUaBridge
