"""Coverage-guided fuzzing of the EDI readers: `python tests/fuzz/edi_fuzz.py -runs=20000 [-max_total_time=60]`.

Runs without Django and without a database. Ends with an error and the input on a crash, on a message that got lost, or
on an interchange that took longer than a second of processor time.
"""

import sys
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import atheris

with atheris.instrument_imports(include=["exceptions_app.channels.edi"]):
    from exceptions_app.channels.edi import edifact, edifact_orders, envelope, x12, x12_orders
    from exceptions_app.channels.edi.segments import Broken, Interchange

from tests.exceptions_app.edi_samples import change_860, ordchg
from tests.exceptions_app.edi_samples import edifact as edifact_sample
from tests.exceptions_app.edi_samples import x12 as x12_sample

ZONE = ZoneInfo("Europe/Berlin")
SEEDS = (
    change_860("POC*10*RQ*160*>>5*EA*92**BP*A*VN*SP-12~DTM*002*20261125*0930~SCH*4*EA***002*20261125*0800"),
    x12_sample(
        ("850", ["BEG*00*SA*N-1**20261117", "REF*CO*1", "N1*ST*X*92*7", "PO1*1*2*EA*3.5**VN*A", "CTT*1"])
    ),
    ordchg("LIN+10+3+SP-12:SA|PIA+1+A?:B:IN|QTY+21:150,5:PCE|SCC+1|QTY+21:4|DTM+2:20261125:102|PRI+AAA:3"),
    edifact_sample(
        ("ORDERS", ["BGM+220+N?'1+9", "DTM+2:202647:616", "LIN+1++A:SA", "QTY+21:1", "UNS+S"]), una=False
    ),
)
TOKENS = (
    "ISA", "GS*", "ST*860*", "SE*", "GE*", "IEA*", "POC*", "PO1*", "DTM*002*", "SCH*", "~", "*", ">", "\n", "UNA:+.? '",
    "UNB+", "UNH+", "UNT+", "UNZ+", "UNG+", "UNE+", "LIN+", "QTY+21:", "DTM+2:", "?'", "??", "'", "+", ":", "SCC+1'",
)  # fmt: skip


def check(body: bytes) -> None:
    """Read one input and check what must hold for any: each message there is is found, and none is made up."""
    began = time.process_time()
    text = envelope.decode(body)
    try:
        found = envelope.read_interchange(text)
    except Broken as broken:
        if not broken.fault.code.startswith("edi."):
            raise AssertionError("a refusal without a code") from None
    else:
        whole(text, found)
    if time.process_time() - began > 1.0:
        raise TimeoutError(f"{len(body)} bytes took too long")


def whole(text: str, found: Interchange) -> None:
    """Nothing is lost: every header of a message stands in a message or in a fault, and each reads as an order."""
    messages = [message for _, message in found.messages()]
    tag = "ST" if found.syntax == "x12" else "UNH"
    segments = x12.tokenise(text) if found.syntax == "x12" else edifact.tokenise(text)
    if not found.faults and sum(1 for one in segments if one.tag == tag) != len(messages):
        raise AssertionError("a message that got lost")
    for fault in found.all_faults():
        if not fault.message or (fault.segment and not fault.text):
            raise AssertionError("a fault that names nothing")
    for group, message in found.messages():
        kept = envelope.excerpt(text, found, group, message)
        for segment in message.segments:
            if segment.text not in kept:
                raise AssertionError("a segment that got lost")
        if found.syntax == "x12":
            x12_orders.read_x12_order(message, ZONE)
        else:
            edifact_orders.read_edifact_order(message, ZONE)


def main() -> None:
    """Fuzz with the samples as corpus and the syntaxes' words as dictionary, unless others are named."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(SEEDS):
            (corpus / str(number)).write_text(seed)
        words = Path(folder) / "words"
        words.write_text(
            "".join('"' + "".join(f"\\x{byte:02x}" for byte in one.encode()) + '"\n' for one in TOKENS)
        )
        given = sys.argv[1:] or ["-runs=20000"]
        atheris.Setup([sys.argv[0], *given, f"-dict={words}", "-max_len=20000", str(corpus)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
