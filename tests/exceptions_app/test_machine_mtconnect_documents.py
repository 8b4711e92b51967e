"""MTConnect documents alone: every version's namespaces, conditions, errors, and whatever else somebody may send."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exceptions_app.machine.mtconnect import (
    AgentError,
    BadDocument,
    Observation,
    read_document,
    worst_of,
)
from exceptions_app.machine.multipart import Parts, boundary_of
from exceptions_app.machine.topics import BadPayload

HEAD = '<Header instanceId="7" nextSequence="12" firstSequence="2" lastSequence="11"/>'
TREE = (
    '<Streams><DeviceStream name="VMC-3" uuid="000"><ComponentStream component="Path" componentId="p">'
    '<Events><Execution dataItemId="e" name="exec" sequence="9" timestamp="2026-03-01T10:00:00.250Z">READY</Execution>'
    '<Execution dataItemId="e" name="exec" sequence="8" timestamp="2026-03-01T10:00:00.123456789Z"> ACTIVE </Execution>'
    '<Availability dataItemId="a" sequence="3" timestamp="2026-03-01T10:00:00">UNAVAILABLE</Availability>'
    '<VariableDataSet dataItemId="v" sequence="4" timestamp="2026-03-01T10:00:00Z"><Entry key="k">1</Entry>'
    "</VariableDataSet></Events><Samples>"
    '<Load dataItemId="l" sequence="10" timestamp="2026-03-01T10:00:01Z">42.5</Load></Samples>'
    '<Condition><Fault dataItemId="c" nativeCode="E1" sequence="11" timestamp="2026-03-01T10:00:01Z" type="SYSTEM">'
    "Oil</Fault></Condition></ComponentStream></DeviceStream></Streams>"
)


def streams(
    space: str = 'xmlns="urn:mtconnect.org:MTConnectStreams:1.3"', tree: str = TREE, head: str = HEAD
) -> bytes:
    return f"<?xml version='1.0' encoding='UTF-8'?><MTConnectStreams {space}>{head}{tree}</MTConnectStreams>".encode()


@pytest.mark.parametrize("version", ["1.1", "1.3", "1.8", "2.0", "2.3"])
def test_a_document_of_any_version_is_read(version: str) -> None:
    document = read_document(streams(f'xmlns="urn:mtconnect.org:MTConnectStreams:{version}"'))
    assert (document.instance, document.first, document.last, document.next) == (7, 2, 11, 12)
    assert [(one.name, one.uuid) for one in document.devices] == [("VMC-3", "000")]
    base = 1772359200000
    assert document.devices[0].observations == [
        Observation("a", "", None, False, base, 3),
        Observation("e", "exec", "ACTIVE", True, base + 123, 8),
        Observation("e", "exec", "READY", True, base + 250, 9),
        Observation("l", "", "42.5", True, base + 1000, 10),
        Observation("c", "", "FAULT", True, base + 1000, 11, True, "E1"),
    ]


def test_prefixed_elements_are_the_same_document() -> None:
    plain = streams()
    prefixed = (
        plain.replace(b"</", b"</m:")
        .replace(b"<", b"<m:")
        .replace(b"<m:/m:", b"</m:")
        .replace(b"<m:?", b"<?")
    )
    prefixed = prefixed.replace(b"xmlns=", b"xmlns:m=")
    assert prefixed.count(b"<m:DeviceStream") == 1
    assert read_document(prefixed) == read_document(plain)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b'<MTConnectError><Header instanceId="1"/><Errors><Error errorCode="OUT_OF_RANGE">x</Error></Errors>'
         b"</MTConnectError>", ("OUT_OF_RANGE",)),
        (b'<MTConnectError><Header/><Error errorCode="NO_DEVICE"/></MTConnectError>', ("NO_DEVICE",)),
        (b'<m:MTConnectError xmlns:m="urn:mtconnect.org:MTConnectError:2.2"><m:Header/><m:Errors>'
         b'<m:OutOfRange errorCode="OUT_OF_RANGE"/></m:Errors></m:MTConnectError>', ("OUT_OF_RANGE",)),
        (b"<MTConnectError/>", ()),
    ],
)  # fmt: skip
def test_an_error_document_says_its_codes(body: bytes, codes: tuple[str, ...]) -> None:
    with pytest.raises(AgentError) as said:
        read_document(body)
    assert said.value.codes == codes


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><MTConnectStreams>&c;</MTConnectStreams>'
)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not well-formed"),
        (b"<html><body>hello</body></html>", "no streams document"),
        (b"<MTConnectDevices/>", "no streams document"),
        (streams()[:-30], "not well-formed"),
        (LAUGHS, "document type"),
        (b'<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd"><MTConnectStreams/>', "document type"),
        (b"<MTConnectStreams>&unknown;</MTConnectStreams>", "not well-formed"),
        (streams(head=""), "header"),
        (streams(head='<Header instanceId="x" nextSequence="1"/>'), "header"),
        (streams(head='<Header instanceId="1" nextSequence="-1"/>'), "header"),
        (b"<MTConnectStreams>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</MTConnectStreams>", "too deep"),
        ("<MTConnectStreams/>".encode("utf-16"), "header"),
        (b" " * 16_000_001, "at most"),
    ],
)
def test_what_is_no_document_is_refused_in_words(body: bytes, why: str) -> None:
    began = time.process_time()
    with pytest.raises(BadDocument, match=why):
        read_document(body)
    assert time.process_time() - began < 2


def test_a_huge_text_and_many_names_are_cut() -> None:
    long = "x" * 1_000_000
    tree = (
        f'<Streams><DeviceStream name="{long}" uuid=""><Events><Block dataItemId="{long}" sequence="5" '
        f'timestamp="{long}">{long}</Block></Events></DeviceStream></Streams>'
    )
    device = read_document(streams(tree=tree)).devices[0]
    assert len(device.name) == 200
    assert (len(device.observations[0].item), len(str(device.observations[0].value))) == (200, 2000)
    assert device.observations[0].at is None


def condition(level: str, code: str = "", good: bool = True) -> Observation:
    return Observation("c", "", level if good else None, good, 1, 1, True, code)


def test_a_condition_is_the_worst_of_what_is_active() -> None:
    known: dict[str, dict[str, str]] = {}
    said = [
        worst_of(known, one)
        for one in (
            condition("NORMAL"), condition("WARNING", "w"), condition("FAULT", "a"), condition("FAULT", "b"),
            condition("NORMAL", "a"), condition("WARNING", "b"), condition("NORMAL", "nobody"), condition("NORMAL"),
            condition("FAULT", "a"), condition("", good=False), condition("WARNING"), condition("FAULT"),
        )
    ]  # fmt: skip
    assert said == [
        "NORMAL", "WARNING", "FAULT", "FAULT", "FAULT", "WARNING", "WARNING", "NORMAL", "FAULT", None, "WARNING",
        "FAULT",
    ]  # fmt: skip
    for number in range(2000):
        worst_of(known, condition("FAULT", str(number)))
    assert len(known["c"]) == 500
    assert worst_of(known, condition("NORMAL")) == "NORMAL"
    assert known == {}


@given(
    st.lists(
        st.tuples(st.sampled_from(["NORMAL", "WARNING", "FAULT"]), st.sampled_from(["", "a", "b"])),
        max_size=30,
    )
)
def test_whatever_came_before_a_normal_without_a_code_ends_it(said: list[tuple[str, str]]) -> None:
    known: dict[str, dict[str, str]] = {}
    for level, code in said:
        worst = worst_of(known, condition(level, code))
        assert worst is not None
        assert level == "NORMAL" or ["NORMAL", "WARNING", "FAULT"].index(worst) >= [
            "NORMAL",
            "WARNING",
            "FAULT",
        ].index(level)
    assert worst_of(known, condition("NORMAL")) == "NORMAL"
    assert known == {}


words = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=30)
pieces = st.one_of(
    st.binary(max_size=40),
    words.map(lambda text: text.encode()),
    st.sampled_from([
        b"<MTConnectStreams>", b"</MTConnectStreams>", HEAD.encode(), b"<Streams>", b"</Streams>",
        b'<DeviceStream name="d">', b"</DeviceStream>", b'<Condition><Fault dataItemId="c" sequence="1"/></Condition>',
        b"<Header", b'sequence="9', b">", b'<Load dataItemId="l" sequence="2" timestamp="9999-99-99">1</Load>',
        b"<![CDATA[", b"]]>", b"<!--", b"<!DOCTYPE x",
        b"&lt;", b"&#0;", b"<?xml version='1.0' encoding='utf-7'?>", b'timestamp="0001-01-01T00:00:00Z"',
        b'<Load dataItemId="l" sequence="99999999999999999999999" timestamp="1e400">NaN</Load>',
    ]),
)  # fmt: skip


@settings(max_examples=1500, deadline=2000)
@given(st.lists(pieces, max_size=12), st.integers(0, 2000), st.binary(max_size=6))
def test_no_bytes_do_more_than_be_refused(parts: list[bytes], at: int, noise: bytes) -> None:
    whole, refused, taken = streams(), 0, 0
    for body in (
        b"".join(parts),
        whole[:at] + noise + whole[at + len(noise) :],
        streams(tree=TREE).replace(b"9", noise),
    ):
        try:
            document = read_document(body)
        except (BadDocument, AgentError):
            refused += 1
        else:
            taken += 1
            for device in document.devices:
                sequences = [one.sequence for one in device.observations]
                assert sequences == sorted(sequences)
    assert refused + taken == 3


@settings(max_examples=300, deadline=2000)
@given(
    st.lists(st.binary(min_size=1, max_size=60).filter(bytes.strip), max_size=5),
    st.integers(1, 50),
    st.booleans(),
)
def test_parts_come_out_whole_however_they_are_cut(bodies: list[bytes], size: int, crlf: bool) -> None:
    end = b"\r\n" if crlf else b"\n"
    sent = b"".join(
        end
        + b"--mark"
        + end
        + b"Content-type: text/xml"
        + end
        + b"Content-length: %d" % len(body)
        + end * 2
        + body
        for body in bodies
    )
    parts = Parts("mark", most=1000)
    found = [body for at in range(0, len(sent), size) for body in parts.feed(sent[at : at + size])]
    assert found == bodies


@settings(max_examples=500, deadline=2000)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=200), st.sampled_from([b"--m\r\n\r\n", b"Content-length: 9999999\r\n\r\n"])
        ),
        max_size=8,
    )
)
def test_hostile_parts_are_refused_or_taken_and_never_kept_without_end(chunks: list[bytes]) -> None:
    parts = Parts("m", most=500)
    with suppress(BadPayload):
        for chunk in chunks * 20:
            assert all(len(body) <= 500 + 8192 for body in parts.feed(chunk))


def test_parts_without_a_length_end_at_the_next_boundary() -> None:
    parts = Parts("m", most=1000)
    assert parts.feed(b"--m\r\nContent-type: text/xml\r\n\r\n<a/>\r\n--m\r\n\r\n<b") == [b"<a/>\r\n"]
    assert parts.feed(b"/>--m--") == [b"<b/>"]
    assert boundary_of('multipart/x-mixed-replace; boundary="a b"') == "a b"
    assert boundary_of("multipart/x-mixed-replace;boundary=--abc") == "abc"
    assert boundary_of("text/xml") == ""
    with pytest.raises(BadPayload):
        Parts("m", most=10).feed(b"--m\r\nContent-length: 11\r\n\r\n")
