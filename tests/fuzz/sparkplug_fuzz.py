"""Coverage-guided fuzzing of what a bridge judges: `python tests/fuzz/sparkplug_fuzz.py -runs=20000`.

An input is a conversation: messages of any kind, each with the bytes that follow. Runs without Django and without a
broker. Ends with an error and the input on a crash, on state that could not be stored, or on a second of processor
time.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import atheris

with atheris.instrument_imports(include=["exceptions_app.machine"]):
    from exceptions_app.machine import debounce, nodes, sparkplug, topics
    from exceptions_app.machine.book import Book, Definition
    from exceptions_app.machine.conditions import Condition

from tests.exceptions_app.sparkplug_device import EdgeNode, metric, payload

T0 = 1_790_000_000_000
KINDS = ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH", "JSON")
CONDITIONS = (
    Condition.of(kind="bool", operator="is", operand="false"),
    Condition.of(kind="number", operator="above", operand="80", deadband=3),
    Condition.of(kind="state", operator="is_not", operand="RUN"),
)
PATHS = topics.Paths("state.value", "at", "quality")
BOOK = Book(
    tuple(
        Definition(
            number, f"s{number}", topics.Template.of("RHF/gw1/{unit}"),
            debounce.Rule(condition, on_delay=1, silence=50), metric=name, paths=PATHS,
        )
        for number, (condition, name) in enumerate(zip(CONDITIONS, ("Status/Running", "Temp", "Mode"), strict=True))
    ),
    units={"cnc-04": "CNC-04"},
)  # fmt: skip


def check(data: bytes) -> None:
    """Judge one conversation and check what must hold for any."""
    began = time.process_time()
    key = "RHF/gw1"
    node = nodes.Node(key, nodes.finder(BOOK, key, sparkplug=True), session=sparkplug.Session(key))
    now, values = T0, 0
    for kind, body in conversation(data):
        now += 700
        values += judge(node, kind, body, now)
        node.tick(now)
    stored = json.loads(json.dumps(node.snapshot()))
    session = node.session
    if session is None or not -1 <= session.seq <= 255:
        raise AssertionError("a sequence number that is none")
    again = nodes.Node(key, node.find, session=sparkplug.Session(key))
    again.restore(stored)
    if {name: one.state for name, one in again.states.items()} != {
        name: one.state for name, one in node.states.items()
    }:
        raise AssertionError("a state that did not survive being stored")
    json.dumps(session.birth_json())
    if time.process_time() - began > 1.0:
        raise TimeoutError(f"{len(data)} bytes took too long")


def judge(node: nodes.Node, kind: str, body: bytes, now: int) -> int:
    """One message; a bad one is refused in words and changes nothing of the session."""
    session = node.session
    if session is None:
        return 0
    try:
        if kind == "JSON":
            samples = topics.read_json(node.key, body, [PATHS, topics.Paths()], now)
            return node.feed(sample._replace(signal="CNC-04/Mode") for sample in samples)
        before = (session.seq, session.online, dict(session.aliases))
        try:
            heard = session.hear(
                sparkplug.Address("RHF", kind, "gw1", "CNC-04" if kind[0] == "D" else ""),
                body,
                now,
                node.watch,
            )
        except topics.BadPayload:
            if before != (session.seq, session.online, session.aliases):
                raise AssertionError("a refused message changed the session") from None
            raise
    except topics.BadPayload as refused:
        if not str(refused):
            raise AssertionError("a refusal without words") from None
        return 0
    for device in heard.dead:
        node.lose(device)
    node.feed(heard.samples)
    return heard.values


def conversation(data: bytes) -> list[tuple[str, bytes]]:
    """Kind (one byte), length (two bytes), body; at most forty messages."""
    found, position = [], 0
    while position + 3 <= len(data) and len(found) < 40:
        length = int.from_bytes(data[position + 1 : position + 3], "big")
        found.append((KINDS[data[position] % len(KINDS)], data[position + 3 : position + 3 + length]))
        position += 3 + length
    return found


def said(*messages: tuple[str, bytes]) -> bytes:
    """A conversation as an input."""
    return b"".join(
        bytes([KINDS.index(kind)]) + len(body).to_bytes(2, "big") + body for kind, body in messages
    )


def seeds() -> list[bytes]:
    edge = EdgeNode("RHF", "gw1", "CNC-04")
    births = [(topic.split("/")[2], body) for topic, body in edge.births(T0)]
    stop = ("DDATA", edge.data(T0 + 1000, running=False)[1])
    many = payload(
        metric(-5, name="Temp", kind=3), metric(91.5, name="Temp", kind=10, quality=0),
        metric("RUN", name="Mode", kind=12), metric(None, name="Mode", kind=12), metric(b"\x01", name="Mode", kind=17),
        seq=3, at=T0,
    )  # fmt: skip
    told = json.dumps({"state": {"value": "RUN"}, "at": "2026-11-17T09:14:00Z", "quality": "good"}).encode()
    return [
        said(*births, stop, ("DDATA", many)),
        said(*births, ("NDEATH", edge.will()[1]), *births, ("DDEATH", payload(seq=2))),
        said(("JSON", told), ("JSON", b'{"state": {"value": 81.5}, "at": 1790000000}'), ("JSON", b"[[[")),
    ]


def main() -> None:
    """Fuzz with whole conversations as corpus, unless another is named."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds()):
            (corpus / str(number)).write_bytes(seed)
        given = sys.argv[1:] or ["-runs=20000"]
        atheris.Setup([sys.argv[0], *given, "-max_len=4000", str(corpus)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
