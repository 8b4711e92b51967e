"""An edge node as its maker would write it: payloads encoded by hand, independent of the code under test.

Bytes are written with the wire types of protobuf and the field numbers of the specification, nothing else.
"""

import struct
from typing import Any


def varint(number: int) -> bytes:
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: int | bytes | str | float, wire: int | None = None) -> bytes:
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        packed = struct.pack("<f", value) if wire == 5 else struct.pack("<d", value)
        return varint(number << 3 | (wire or 1)) + packed
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


# datatype -> field of the value
VALUE_FIELD = {1: 10, 2: 10, 3: 10, 4: 11, 5: 10, 6: 10, 7: 10, 8: 11, 9: 12, 10: 13, 11: 14, 12: 15, 13: 11, 14: 15,
               15: 15, 16: 17, 17: 16}  # fmt: skip


def metric(
    value: Any = None, *, name: str = "", alias: int | None = None, kind: int = 0, at: int | None = None,
    quality: int | None = None, declare: bool = True, historical: bool = False,
) -> bytes:  # fmt: skip
    out = b""
    if name:
        out += field(1, name)
    if alias is not None:
        out += field(2, alias)
    if at is not None:
        out += field(3, at)
    if kind and declare:
        out += field(4, kind)
    if historical:
        out += field(5, True)
    if value is None:
        out += field(7, True)
    if quality is not None:
        out += field(9, field(1, "Quality") + field(2, field(1, 3) + field(3, quality)))
    if value is not None:
        number = VALUE_FIELD[kind]
        if kind in (9, 10):
            out += field(number, float(value), 5 if kind == 9 else 1)
        elif kind in (1, 2, 3):
            out += field(number, value & 0xFFFFFFFF)
        else:
            out += field(number, value)
    return out


def payload(*metrics: bytes, seq: int | None = None, at: int | None = None) -> bytes:
    out = field(1, at) if at is not None else b""
    for one in metrics:
        out += field(2, one)
    return out if seq is None else out + field(3, seq)


RUNNING, TEMPERATURE = 1, 2


class EdgeNode:
    """One edge node with one device whose metrics go by alias: "Status/Running" (Boolean) and "Temp" (Float)."""

    def __init__(self, group: str, node: str, device: str) -> None:
        self.group, self.node, self.device = group, node, device
        self.seq, self.bd = 0, 7

    def topic(self, kind: str) -> str:
        base = f"spBv1.0/{self.group}/{kind}/{self.node}"
        return f"{base}/{self.device}" if kind.startswith("D") else base

    def births(self, at: int, *, running: bool = True) -> list[tuple[str, bytes]]:
        self.seq = 1
        node = payload(
            metric(self.bd, name="bdSeq", kind=4),
            metric(False, name="Node Control/Rebirth", kind=11),
            seq=0,
            at=at,
        )
        device = payload(
            metric(running, name="Status/Running", alias=RUNNING, kind=11, at=at),
            metric(21.5, name="Temp", alias=TEMPERATURE, kind=9, at=at), seq=1, at=at,
        )  # fmt: skip
        return [(self.topic("NBIRTH"), node), (self.topic("DBIRTH"), device)]

    def data(self, at: int, *, running: bool, skip: int = 0) -> tuple[str, bytes]:
        self.seq = (self.seq + 1 + skip) & 0xFF
        one = metric(running, alias=RUNNING, kind=11, at=at, declare=False)
        return self.topic("DDATA"), payload(one, seq=self.seq, at=at)

    def will(self) -> tuple[str, bytes]:
        return self.topic("NDEATH"), payload(metric(self.bd, name="bdSeq", kind=4))
