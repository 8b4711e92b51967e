"""One OPC UA server, from a subscription's data changes to the intake.

A node of leasing is one machine: a signal's topic names it, its metric is the node id, in which `{unit}` stands for the
machine. After every connection and claim the server's first values are awaited before time goes on for the machine, so
a stop that was being delayed is neither told too early nor forgotten.
"""

import asyncio
import logging
import time
from collections import defaultdict
from typing import Any, ClassVar, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.subscription import DataChangeEvent, OverflowPolicy, StatusChangeEvent, Subscription
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError

from exceptions_app.bridge.link import LinkBridge, now_ms
from exceptions_app.bridge.opcua_link import (
    client_of,
    good_of,
    moment_of,
    node_of,
    overflown,
    patience_of,
    subscription_of,
    value_of,
)
from exceptions_app.channels.opcua import with_index
from exceptions_app.channels.port import number_of
from exceptions_app.machine.nodes import Node
from exceptions_app.machine.samples import Sample

logger = logging.getLogger(__name__)

#: Changes of one item the server keeps between two sendings.
QUEUE: Final = 50
CHUNK: Final = 200
MOST_WAITING: Final = 100_000
#: Seconds: how long first values are awaited, how often missing nodes are asked for again, and the server's state.
FIRST_VALUES: Final = 10.0
ASK_AGAIN: Final = 60.0
LOOK_EVERY: Final = 5.0

Route = tuple[str, str]  # node of leasing, signal


class OpcUaBridge(LinkBridge):
    """Reads one server."""

    # a foreign server's bytes go through the library's decoders, which fail in any way; it is tried again
    failures: ClassVar[tuple[type[Exception], ...]] = (Exception,)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # failures are told here, once
        self._changes = False
        self._routes: dict[str, list[Route]] = {}
        self._handles: dict[str, int] = {}
        self._nodes: dict[str, Any] = {}
        self._by_id: dict[ua.NodeId, str] = {}
        self._awaited: dict[str, float] = {}
        self._missing: dict[str, float] = {}
        self._subscribed: set[str] = set()
        self._asked: tuple[object, float] = (None, 0.0)
        self._namespaces: list[str] = []

    # --- what is wanted ----------------------------------------------------------------------------------
    def changed(self, taken: set[str]) -> None:
        self._changes = True
        self._subscribed = (self._subscribed & self.intake.nodes.keys()) - taken
        self.intake.renamed |= taken  # their first values are wanted anew
        self.intake.expect(self._named())

    def ready(self, key: str) -> bool:
        return key in self._subscribed

    def _named(self) -> list[str]:
        """Machines a definition names outright; they are read whether or not the server knows them."""
        book = self.intake.book
        return [one.template.text for one in book.definitions if not one.template.names] if book else []

    def _candidates(self) -> dict[str, list[str]]:
        """Machines of `{unit}` topics -> their node ids; whether the server has them must be asked."""
        book, found = self.intake.book, defaultdict[str, list[str]](list)
        for one in book.definitions if book else ():
            if one.template.names == {"unit"}:
                for unit in book.units.values() if book else ():
                    key = one.template.text.replace("{unit}", unit)
                    found[key].append(one.metric.replace("{unit}", one.unit or unit))
        return {key: ids for key, ids in found.items() if key not in self.intake.nodes}

    def _wanted(self) -> dict[str, list[Route]]:
        """Node ids of every held machine -> whose signals they are."""
        book, found = self.intake.book, defaultdict[str, list[Route]](list)
        for key in self.intake.nodes if book else ():
            for binding in book.on_topic(key) if book else ():
                node_id = binding.definition.metric.replace("{unit}", binding.unit)
                route = (key, binding.definition.paths.signal)
                if route not in found[node_id]:
                    found[node_id].append(route)
        return dict(found)

    # --- the connection ----------------------------------------------------------------------------------
    async def listen(self) -> None:
        client = await client_of(self.source)
        broken: list[Exception] = []

        async def lost(error: Exception) -> None:
            broken.append(error)

        client.connection_lost_callback = lost
        await client.connect()
        try:
            self._namespaces = await client.get_namespace_array()
            subscription = await client.create_subscription(
                subscription_of(self.source), queue_maxsize=MOST_WAITING, overflow=OverflowPolicy.DISCONNECT
            )
            self._forget()
            while self.intake.book is None:  # what is held is known before the first value
                await asyncio.sleep(0.05)
            looked = began = time.monotonic()
            while not broken:
                await self._follow(client, subscription)
                await self._take(subscription)
                self._settle()
                now = time.monotonic()
                if now - (subscription.last_publish_at or began) > patience_of(subscription.parameters):
                    raise ConnectionError("the subscription has fallen silent")
                if now - looked > LOOK_EVERY:
                    looked = now
                    state = await client.nodes.server_state.read_value()
                    if state != ua.ServerState.Running:
                        raise ConnectionError(f"the server is not running: {ua.ServerState(state).name}")
            raise ConnectionError(f"connection lost: {broken[0]!r}")
        finally:
            self._subscribed.clear()
            await _close(client)

    def _forget(self) -> None:
        """Everything the last connection had subscribed."""
        for known in (self._routes, self._handles, self._nodes, self._by_id, self._awaited, self._missing):
            known.clear()
        self._subscribed.clear()
        self._asked, self._changes = (None, 0.0), True

    async def _follow(self, client: Client, subscription: Subscription) -> None:
        """Subscribe what is wanted now, unsubscribe the rest; ask for machines the server may have."""
        now = time.monotonic()
        if self._asked[0] is not self.intake.book or now - self._asked[1] > ASK_AGAIN:
            self._asked = (self.intake.book, now)
            await self._ask(client)
        again = [one for one, until in self._missing.items() if until <= now]
        if not (self._changes or self.intake.renamed or again):
            return
        self._changes = False
        renamed, wanted = set(self.intake.renamed), self._wanted()
        self.intake.renamed.clear()
        fresh = {
            one
            for one, routes in wanted.items()
            if one not in self._handles
            or any(route not in self._routes.get(one, ()) or route[0] in renamed for route in routes)
        }
        await self._drop(subscription, [one for one in self._handles if one in fresh or one not in wanted])
        self._routes = wanted
        self._missing = {one: at for one, at in self._missing.items() if one in wanted and one not in again}
        new = sorted(fresh - self._missing.keys())
        for start in range(0, len(new), CHUNK):
            await self._add(client, subscription, new[start : start + CHUNK])
        self.items = len(self._handles)
        self.connected()
        unknown = sorted(self._missing)
        self.fault = (
            f"{len(unknown)} nodes are not at the server: {', '.join(unknown[:3])}"[:200] if unknown else ""
        )

    async def _drop(self, subscription: Subscription, gone: list[str]) -> None:
        if gone:
            await subscription.unsubscribe([self._handles[one] for one in gone])
        for one in gone:
            del self._handles[one]
            self._by_id.pop(self._nodes.pop(one).nodeid, None)
            self._awaited.pop(one, None)

    async def _add(self, client: Client, subscription: Subscription, new: list[str]) -> None:
        now, nodes = time.monotonic(), {}
        for one in new:
            try:
                nodes[one] = node_of(client, with_index(one, self._namespaces))
            except (ValueError, UaError) as error:
                self._absent(one, str(error))
        if not nodes:
            return
        sampling = number_of(self.source.config, "sampling", default=100, low=1, high=60_000)
        handles = await subscription.subscribe_data_change(
            list(nodes.values()), queuesize=QUEUE, sampling_interval=ua.Double(sampling)
        )
        for (one, node), handle in zip(nodes.items(), handles, strict=True):
            if not isinstance(handle, int):
                self._absent(one, str(handle))
                continue
            self._handles[one], self._nodes[one], self._by_id[node.nodeid] = handle, node, one
            self._awaited[one] = now + FIRST_VALUES

    def _absent(self, node_id: str, why: str) -> None:
        """The server does not have it: its signals are stale."""
        logger.warning("source %s: %s: %s", self.source.code, node_id, why)
        self._missing[node_id] = time.monotonic() + ASK_AGAIN
        received = now_ms()
        for key, signal in self._routes.get(node_id, ()):
            node = self.intake.nodes.get(key)
            if node is not None:
                at = max([1, *(pair[1].state.at for pair in node.watch(signal))])
                self.give(node, [Sample(key, signal, None, at, received, False)], received)

    async def _ask(self, client: Client) -> None:
        """Which machines of `{unit}` topics the server has; those are taken."""
        asked: list[tuple[str, Any]] = []
        for key, node_ids in self._candidates().items():
            for node_id in node_ids:
                try:
                    asked.append((key, node_of(client, with_index(node_id, self._namespaces))))
                except (ValueError, UaError):
                    continue
        for start in range(0, len(asked), CHUNK):
            part = asked[start : start + CHUNK]
            answers = await client.read_attributes([node for _, node in part], AttributeIds.NodeClass)
            self.intake.expect(key for (key, _), answer in zip(part, answers, strict=True) if good_of(answer))

    # --- values ------------------------------------------------------------------------------------------
    async def _take(self, subscription: Subscription) -> None:
        """What the server has sent, in its order."""
        event = await subscription.next_event(0.2)
        for _ in range(1000):
            if event is None:
                return
            if isinstance(event, DataChangeEvent):
                self._heard(event)
            elif isinstance(event, StatusChangeEvent) and not event.notification.Status.is_good():
                raise ConnectionError(f"the server ended the subscription: {event.notification.Status.name}")
            event = await subscription.next_event(0.001)
        if isinstance(event, DataChangeEvent):
            self._heard(event)

    def _heard(self, event: DataChangeEvent) -> None:
        node_id = self._by_id.get(event.node.nodeid)
        data = event.data.monitored_item.Value
        if node_id is None or data is None:
            return
        received = now_ms()
        at, first = moment_of(data), self._awaited.pop(node_id, None) is not None
        value, good = value_of(data), good_of(data)
        for key, signal in self._routes.get(node_id, ()):
            sample = Sample(
                key, signal, value, received if at is None else at, received, good and value is not None
            )
            self.intake.hear(key, (sample, first, overflown(data)), 200, received)

    def judge(self, node: Node, message: Any, received: int) -> None:
        """A first value is what holds now, even where the server's own time says less than it did before."""
        sample, first, lost = message
        node.count("overflows", int(lost))
        if first:
            known = [pair[1].state.at for pair in node.watch(sample.signal)]
            sample = sample._replace(at=max([sample.at, *known]))
        self.give(node, [sample], received)

    def _settle(self) -> None:
        """Machines all of whose first values are in go on."""
        now = time.monotonic()
        for one in [one for one, until in self._awaited.items() if until <= now]:
            del self._awaited[one]
        waiting = {key for one in self._awaited for key, _ in self._routes.get(one, ())}
        routed = {key for routes in self._routes.values() for key, _ in routes}
        self._subscribed = (routed - waiting) & self.intake.nodes.keys()


async def _close(client: Client) -> None:
    """End the session as far as that can still be done."""
    try:
        await asyncio.wait_for(client.disconnect(), 5)
    except Exception as error:  # noqa: BLE001 - the connection is given up; how that fails does not matter
        logger.info("not closed: %r", error)
