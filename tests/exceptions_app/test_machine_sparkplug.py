"""Sparkplug sessions against payloads encoded independently: births, aliases, sequence, deaths, types, bad bytes."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exceptions_app.machine.samples import Sample
from exceptions_app.machine.sparkplug import (
    Heard,
    Session,
    address_of,
    rebirth_command,
    rebirth_topic,
)
from exceptions_app.machine.topics import BadPayload
from tests.exceptions_app.sparkplug_device import EdgeNode, field, metric, payload

T0 = 1_790_000_000_000


def hear(session: Session, topic: str, body: bytes, received: int = T0) -> Heard:
    address = address_of(topic)
    assert address is not None
    return session.hear(address, body, received, lambda signal: True)


def born() -> tuple[EdgeNode, Session]:
    edge, session = EdgeNode("RHF", "gw1", "CNC-04"), Session("RHF/gw1")
    for topic, body in edge.births(T0):
        assert hear(session, topic, body).gap == ""
    return edge, session


def values(heard: Heard) -> list[tuple[str, Any]]:
    return [(sample.signal, sample.value) for sample in heard.samples]


def test_a_birth_gives_names_types_and_first_values() -> None:
    edge, session = EdgeNode("RHF", "gw1", "CNC-04"), Session("RHF/gw1")
    births = edge.births(T0)
    assert values(hear(session, *births[0])) == [("/bdSeq", 7), ("/Node Control/Rebirth", False)]
    heard = hear(session, *births[1])
    assert heard.born
    assert heard.samples[0] == Sample("RHF/gw1", "CNC-04/Status/Running", True, T0, T0, True)
    assert values(heard)[1][0] == "CNC-04/Temp"
    assert (session.online, session.seq, session.bd_seq) == (True, 1, 7)
    assert session.aliases == {1: ("CNC-04/Status/Running", 11), 2: ("CNC-04/Temp", 9)}


def test_data_by_alias_alone_is_read_with_a_map_that_was_stored_and_restored() -> None:
    edge, session = born()
    stored = json.loads(json.dumps(session.birth_json()))
    restored = Session.from_json(
        "RHF/gw1", stored, seq=session.seq, bd_seq=session.bd_seq, online=session.online
    )
    heard = hear(restored, *edge.data(T0 + 5000, running=False))
    assert values(heard) == [("CNC-04/Status/Running", False)]
    assert heard.samples[0].at == T0 + 5000
    assert heard.gap == ""


def test_the_sequence_goes_round_and_a_gap_is_named() -> None:
    edge, session = born()
    for number in range(600):
        assert hear(session, *edge.data(T0 + number, running=True)).gap == ""
    heard = hear(session, *edge.data(T0 + 700, running=False, skip=2))
    assert "sequence" in heard.gap
    assert values(heard) == [("CNC-04/Status/Running", False)]
    assert hear(session, *edge.data(T0 + 800, running=True)).gap == ""


def test_what_is_sent_again_after_a_reconnection_is_no_gap_but_a_lost_message_then_is() -> None:
    edge, session = born()
    sent = [edge.data(T0 + number, running=True) for number in range(10)]
    for message in sent:
        hear(session, *message)
    session.resumed = True
    for message in sent[4:]:
        assert hear(session, *message).gap == ""
    assert hear(session, *edge.data(T0 + 50, running=True, skip=3)).gap != ""


def test_unknown_aliases_and_data_before_a_birth_ask_for_one_and_give_no_wrong_value() -> None:
    session = Session("RHF/gw1")
    edge = EdgeNode("RHF", "gw1", "CNC-04")
    heard = hear(session, *edge.data(T0, running=False))
    assert heard.gap != ""
    assert (heard.samples, heard.ignored) == ([], 1)
    edge, session = born()
    body = payload(metric(True, alias=99, kind=11, declare=False), seq=2)
    assert hear(session, edge.topic("DDATA"), body).gap == "unknown alias 99"


def test_a_death_is_stale_data_and_a_late_will_of_an_older_connection_is_none() -> None:
    edge, session = born()
    old = payload(metric(6, name="bdSeq", kind=4))
    heard = hear(session, edge.topic("NDEATH"), old)
    assert (heard.dead, session.online) == ([], True)
    heard = hear(session, *edge.will())
    assert (heard.dead, session.online, heard.samples) == ([""], False, [])
    edge, session = born()
    assert hear(session, edge.topic("DDEATH"), payload(seq=2)).dead == ["CNC-04"]
    assert session.online


def test_signed_numbers_null_quality_history_and_shapes() -> None:
    edge, session = born()
    body = payload(
        metric(-5, name="a", kind=1), metric(-300, name="b", kind=2), metric(-70_000, name="c", kind=3),
        metric(-(2**40), name="d", kind=4), metric(250, name="e", kind=5), metric(2**63 + 1, name="f", kind=8),
        metric(1.5, name="g", kind=10), metric("läuft", name="h", kind=12), metric(None, name="i", kind=3),
        metric(1, name="j", kind=3, quality=0), metric(1, name="k", kind=3, quality=192),
        metric(b"\x01\x02", name="l", kind=17), metric(b"\x08\x01", name="m", kind=16),
        metric(3, name="n", kind=3, at=T0 - 9000, historical=True), seq=2, at=T0 - 1000,
    )  # fmt: skip
    heard = hear(session, edge.topic("DDATA"), body)
    found = {sample.signal.removeprefix("CNC-04/"): sample for sample in heard.samples}
    assert {name: one.value for name, one in found.items()} == {
        "a": -5, "b": -300, "c": -70_000, "d": -(2**40), "e": 250, "f": 2**63 + 1, "g": 1.5, "h": "läuft", "i": None,
        "j": 1, "k": 1, "n": 3,
    }  # fmt: skip
    assert [name for name, one in found.items() if not one.good] == ["j"]
    assert heard.ignored == 2
    assert (found["a"].at, found["n"].at) == (T0 - 1000, T0 - 9000)


def test_a_value_that_is_not_of_its_declared_type_is_not_taken_for_it() -> None:
    edge, session = born()
    wrong = payload(metric(1, alias=1, kind=3, declare=False), seq=2)  # a Boolean by its birth
    heard = hear(session, edge.topic("DDATA"), wrong)
    assert (heard.samples, heard.ignored) == ([], 1)


def test_only_data_topics_are_data() -> None:
    assert address_of("spBv1.0/STATE/scada") is None
    assert address_of("spBv1.0/RHF/NCMD/gw1") is None
    assert address_of("spBv1.0/RHF/NDATA/gw1/extra") is None
    assert address_of("plant/RHF/NDATA/gw1") is None
    found = address_of("spBv1.0/RHF/DDATA/gw1/CNC-04")
    assert found is not None
    assert (found.key, found.device) == ("RHF/gw1", "CNC-04")


def test_the_rebirth_command_says_what_the_specification_says() -> None:
    assert rebirth_topic("RHF/gw1") == "spBv1.0/RHF/NCMD/gw1"
    expected = field(1, T0) + field(
        2, field(1, "Node Control/Rebirth") + field(3, T0) + field(4, 11) + field(14, True)
    )
    assert rebirth_command(now=T0) == expected


@settings(max_examples=400, deadline=1000)
@given(
    body=st.binary(max_size=400),
    kind=st.sampled_from(["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"]),
)
def test_no_bytes_crash_a_session_and_bad_ones_leave_it_as_it_was(body: bytes, kind: str) -> None:
    edge, session = born()
    before = (dict(session.aliases), session.seq, session.online)
    try:
        heard = hear(session, edge.topic(kind), body)
    except BadPayload:
        assert (session.aliases, session.seq, session.online) == before
        return
    json.dumps(session.birth_json())
    for sample in heard.samples:
        assert isinstance(sample.at, int)


@settings(max_examples=200, deadline=1000)
@given(data=st.data())
def test_no_bent_message_crashes_a_session(data: st.DataObject) -> None:
    edge, session = born()
    topic, body = edge.births(T0)[1]
    bent = bytearray(body)
    for _ in range(data.draw(st.integers(1, 6))):
        bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
    try:
        hear(session, topic, bytes(bent[: data.draw(st.integers(0, len(bent)))]))
    except BadPayload:
        assert session.online


def test_a_large_birth_is_read_in_well_under_a_second() -> None:
    session = Session("RHF/gw1")
    metrics = [
        metric(True, name=f"Area/Line/Tag {number}", alias=number, kind=11) for number in range(20_000)
    ]
    began = time.monotonic()
    heard = hear(session, "spBv1.0/RHF/NBIRTH/gw1", payload(*metrics, seq=0, at=T0))
    assert (heard.values, len(session.aliases)) == (20_000, 20_000)
    assert time.monotonic() - began < 5
    with pytest.raises(BadPayload, match="at most"):
        hear(session, "spBv1.0/RHF/NDATA/gw1", b"\x00" * 9_000_000)
