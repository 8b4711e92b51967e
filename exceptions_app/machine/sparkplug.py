"""Sparkplug B sessions: births, aliases, sequence numbers and deaths of one edge node, until its values are samples.

An alias means nothing without the birth that declared it, so the map is kept in plain data and stored by the caller.
After a gap in the sequence, an unknown alias or data before a birth, the node is asked to be born again. The rules are
those of the Sparkplug 3.0 specification. Owns no network and no clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import DecodeError

from exceptions_app.machine.samples import Sample
from exceptions_app.machine.sparkplug_wire import Payload
from exceptions_app.machine.topics import BadPayload

NAMESPACE: Final = "spBv1.0"
STATE: Final = "STATE"
REBIRTH: Final = b"Node Control/Rebirth"
MOST_BYTES: Final = 8_000_000
NODE_TYPES: Final = frozenset({"NBIRTH", "NDATA", "NDEATH"})
DEVICE_TYPES: Final = frozenset({"DBIRTH", "DDATA", "DDEATH"})
_GOOD_QUALITY: Final = 192
_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
_TEXTS: Final = frozenset({12, 14, 15})
_BOOLEAN: Final = 11
#: Shapes that are no single value: data sets, bytes, files, templates, property sets and arrays.
_FIRST_SHAPE: Final = 16
_SCALARS: Final = frozenset(
    {"int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value"}
)
#: A sequence number this far behind is a repeat after a reconnection, not a gap.
_REPEAT: Final = 128


@dataclass(frozen=True, slots=True)
class Address:
    """A message's topic, taken apart. `device` is empty for messages of the node itself."""

    group: str
    kind: str
    node: str
    device: str

    @property
    def key(self) -> str:
        """The edge node's own name: group/node."""
        return f"{self.group}/{self.node}"


def address_of(topic: str) -> Address | None:
    """The parts of a data topic; None for commands, host states and everything that is not Sparkplug."""
    parts = topic.split("/")
    if len(parts) == 4 and parts[0] == NAMESPACE and parts[2] in NODE_TYPES:
        return Address(parts[1], parts[2], parts[3], "")
    if len(parts) == 5 and parts[0] == NAMESPACE and parts[2] in DEVICE_TYPES:
        return Address(parts[1], parts[2], parts[3], parts[4])
    return None


@dataclass(slots=True)
class Heard:
    """What one message amounted to. `dead`: devices that went ("" is the node, and with it all of them);
    `born`: the birth map changed and must be stored; `gap`: words why a rebirth is needed, else empty.
    """

    samples: list[Sample] = field(default_factory=list)
    values: int = 0
    ignored: int = 0
    dead: list[str] = field(default_factory=list)
    born: bool = False
    gap: str = ""


@dataclass(slots=True)
class Session:
    """What is known of one edge node. `aliases` and `types` are its birth map: alias -> (signal, type), signal -> type;
    a signal is "device/metric", with an empty device for the node's own. `seq` is the last number seen, -1 unknown.
    """

    key: str
    aliases: dict[int, tuple[str, int]] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    seq: int = -1
    bd_seq: int = -1
    online: bool = False
    resumed: bool = False

    def birth_json(self) -> dict[str, Any]:
        """The birth map as stored."""
        return {
            "aliases": {str(alias): list(entry) for alias, entry in self.aliases.items()},
            "types": self.types,
        }

    @classmethod
    def from_json(cls, key: str, birth: dict[str, Any], *, seq: int, bd_seq: int, online: bool) -> "Session":
        """A session as it was left; the next message may repeat or skip what was not stored."""
        aliases = {
            int(alias): (str(name), int(kind)) for alias, (name, kind) in birth.get("aliases", {}).items()
        }
        types = {str(name): int(kind) for name, kind in birth.get("types", {}).items()}
        return cls(key, aliases, types, seq=seq, bd_seq=bd_seq, online=online, resumed=True)

    def hear(self, address: Address, body: bytes, received: int, wanted: Callable[[str], Any]) -> Heard:
        """Take one message in. `wanted(signal)` is falsy for signals nobody defined; their values are only counted.

        BadPayload when it cannot be decoded; the session is then as before.
        """
        if len(body) > MOST_BYTES:
            raise BadPayload(f"a message has at most {MOST_BYTES} bytes")
        try:
            payload = Payload.FromString(body)
        except DecodeError as error:
            raise BadPayload(f"not a Sparkplug payload: {error}"[:200]) from None
        heard = Heard(values=len(payload.metrics))
        if address.kind == "NDEATH":
            self._death(payload, heard)
            return heard
        if address.kind == "NBIRTH":
            self._birth(payload)
        else:
            self._follow(payload, heard)
        if address.kind == "DDEATH":
            heard.dead.append(address.device)
            return heard
        birth = address.kind in ("NBIRTH", "DBIRTH")
        if birth:
            heard.born = True
            self._declare(address.device, payload)
        elif not self.online:
            heard.gap = heard.gap or "data before a birth"
        self._values(address.device, payload, heard, received, wanted, birth=birth)
        return heard

    # --- life --------------------------------------------------------------------------------------------
    def _birth(self, payload: Any) -> None:
        self.aliases, self.types = {}, {}
        self.seq = payload.seq & 0xFF
        self.online, self.resumed = True, False
        self.bd_seq = _bd_seq(payload)

    def _death(self, payload: Any, heard: Heard) -> None:
        """A will of an earlier connection may come after the new birth; only the current one counts."""
        told = _bd_seq(payload)
        if self.online and told >= 0 and self.bd_seq >= 0 and told != self.bd_seq:
            heard.ignored += 1
            return
        self.online, self.seq = False, -1
        heard.dead.append("")

    def _follow(self, payload: Any, heard: Heard) -> None:
        """The sequence goes 0 to 255 and round; one that repeats after a reconnection is taken as such."""
        if not payload.HasField("seq"):
            heard.gap = "no sequence number"
            return
        seq = payload.seq & 0xFF
        ahead = (seq - self.seq) & 0xFF
        if self.seq < 0:
            heard.gap = "no birth seen"
        elif ahead == 1:
            self.seq = seq
            return
        elif self.resumed and (ahead == 0 or ahead > _REPEAT):
            return
        else:
            heard.gap = f"sequence {seq} after {self.seq}"
        self.seq, self.resumed = seq, False

    # --- values ------------------------------------------------------------------------------------------
    def _declare(self, device: str, payload: Any) -> None:
        prefix = f"{device}/"
        if device:
            self.aliases = {
                alias: entry for alias, entry in self.aliases.items() if not entry[0].startswith(prefix)
            }
        for metric in payload.metrics:
            if not metric.name:
                continue
            signal = prefix + metric.name.decode("utf-8", "replace").replace("\x00", "")
            if metric.HasField("alias"):
                self.aliases[metric.alias] = (signal, metric.datatype)
            else:
                self.types[signal] = metric.datatype

    def _values(
        self, device: str, payload: Any, heard: Heard, received: int, wanted: Callable[[str], Any], *, birth: bool
    ) -> None:  # fmt: skip
        stamp = payload.timestamp if payload.HasField("timestamp") else 0
        aliases, key, samples = self.aliases, self.key, heard.samples
        prefix = f"{device}/"
        for metric in payload.metrics:
            name = metric.name
            if name:
                signal = prefix + name.decode("utf-8", "replace")
                kind = metric.datatype or self.types.get(signal, 0)
                if not kind and metric.HasField("alias"):
                    kind = aliases.get(metric.alias, ("", 0))[1]
            else:
                entry = aliases.get(metric.alias)
                if entry is None:
                    heard.ignored += 1
                    heard.gap = heard.gap or f"unknown alias {metric.alias}"
                    continue
                signal, kind = entry
            if not wanted(signal):
                continue
            if kind >= _FIRST_SHAPE:
                heard.ignored += 1
                continue
            value = None if metric.is_null else _scalar(metric, kind)
            if value is _NOT_ONE:
                heard.ignored += 1
                continue
            at = metric.timestamp if metric.HasField("timestamp") else stamp
            good = not metric.HasField("properties") or _vouched(metric.properties)
            samples.append(Sample(key, signal, value, _credible(at, received), received, good))


class _NotOne:
    """Not a single value, or not of the declared type."""


_NOT_ONE: Final = _NotOne()


def _scalar(metric: Any, kind: int) -> Any:
    """The value as its declared type; signed integers travel in unsigned fields as two's complement."""
    which = metric.WhichOneof("value")
    if which not in _SCALARS or (kind and (kind == _BOOLEAN) != (which == "boolean_value")):
        return _NOT_ONE
    value = getattr(metric, which)
    if which == "string_value":
        return _NOT_ONE if kind and kind not in _TEXTS else value.decode("utf-8", "replace")
    bits = _BITS.get(kind)
    if bits and which in ("int_value", "long_value"):
        value &= (1 << bits) - 1
        return value - (1 << bits) if value >> (bits - 1) else value
    return _NOT_ONE if kind in _TEXTS else value


def _vouched(properties: Any) -> bool:
    """False when the metric's Quality is given and is not good (0 bad, 192 good, 500 stale)."""
    for name, value in zip(properties.keys, properties.values, strict=False):
        if name == b"Quality":
            code: int = value.int_value if value.WhichOneof("value") == "int_value" else value.long_value
            return code == _GOOD_QUALITY
    return True


def _credible(at: int, received: int) -> int:
    """A stamp that can be one; a device without a clock sends zeros or nonsense."""
    return at if 946_684_800_000 < at < 4_102_444_800_000 else received


def _bd_seq(payload: Any) -> int:
    for metric in payload.metrics:
        if metric.name == b"bdSeq":
            which = metric.WhichOneof("value")
            return int(getattr(metric, which)) if which in ("int_value", "long_value") else -1
    return -1


def rebirth_command(*, now: int) -> bytes:
    """The payload that asks an edge node to be born again; its topic is `rebirth_topic`."""
    payload = Payload(timestamp=now)
    payload.metrics.add(name=REBIRTH, timestamp=now, datatype=_BOOLEAN, boolean_value=True)
    encoded: bytes = payload.SerializeToString()
    return encoded


def rebirth_topic(key: str) -> str:
    """Where a node listens for commands."""
    group, _, node = key.partition("/")
    return f"{NAMESPACE}/{group}/NCMD/{node}"


def state_topic(host: str) -> str:
    """Where a primary host application says that it is there."""
    return f"{NAMESPACE}/{STATE}/{host}"
