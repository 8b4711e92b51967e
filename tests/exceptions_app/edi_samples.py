"""Small interchanges of our own for tests: an 850, an 860, ORDERS and ORDCHG, built so that their trailers agree."""

from collections.abc import Sequence

ISA = "ISA*00*          *00*          *ZZ*MERINO         *ZZ*KOLBE          *261117*0930*U*00401*{control:09d}*0*P*>~"


def x12(
    *sets: tuple[str, Sequence[str]],
    control: int = 17,
    group: int = 5,
    sender: str = "MERINO",
    version: str = "004010",
) -> str:
    """One X12 interchange with one group; each set is (kind, segments without ST and SE)."""
    isa = ISA.format(control=control).replace("MERINO         ", sender.ljust(15))
    code = "PO" if sets[0][0] == "850" else "PC"
    rows = [isa, f"GS*{code}*{sender}*KOLBE*20261117*0930*{group}*X*{version}~"]
    for place, (kind, segments) in enumerate(sets, start=1):
        rows.append(f"ST*{kind}*{place:04d}~")
        rows += [f"{segment}~" for segment in segments]
        rows.append(f"SE*{len(segments) + 2}*{place:04d}~")
    rows += [f"GE*{len(sets)}*{group}~", f"IEA*1*{control:09d}~"]
    return "\n".join(rows) + "\n"


def edifact(
    *messages: tuple[str, Sequence[str]], control: str = "REF17", sender: str = "4012345000009", una: bool = True,
    directory: str = "D:96A:UN:EAN008",
) -> str:  # fmt: skip
    """One EDIFACT interchange; each message is (kind, segments without UNH and UNT)."""
    rows = ["UNA:+.? '"] if una else []
    rows.append(f"UNB+UNOC:3+{sender}:14+KOLBE:ZZ+261117:0930+{control}'")
    for place, (kind, segments) in enumerate(messages, start=1):
        rows.append(f"UNH+{place}+{kind}:{directory}'")
        rows += [f"{segment}'" for segment in segments]
        rows.append(f"UNT+{len(segments) + 2}+{place}'")
    rows.append(f"UNZ+{len(messages)}+{control}'")
    return "\n".join(rows) + "\n"


def change_860(
    *lines: str,
    number: str = "PO-7810",
    purpose: str = "04",
    sequence: str = "1",
    control: int = 17,
    **more: object,
) -> str:
    """An 860 of one order; each line is its segments, joined by "~"."""
    segments = [f"BCH*{purpose}*SA*{number}**{sequence}*20261101"]
    for line in lines:
        segments += line.split("~")
    segments.append(f"CTT*{len(lines)}")
    return x12(("860", segments), control=control, **more)  # type: ignore[arg-type]


def ordchg(
    *lines: str, number: str = "PO-7810", function: str = "4", change: str = "CHG-1", **more: str
) -> str:
    """An ORDCHG of one order; each line is its segments, joined by "|"."""
    segments = [
        f"BGM+230+{change}+{function}",
        "DTM+137:20261117:102",
        f"RFF+ON:{number}",
        "NAD+BY+4012345000009::9",
    ]
    for line in lines:
        segments += line.split("|")
    segments += ["UNS+S", f"CNT+2:{len(lines)}"]
    return edifact(("ORDCHG", segments), **more)  # type: ignore[arg-type]
