"""Coverage-guided fuzzing of the mail reader: `python tests/fuzz/mail_atheris.py -runs=5000 [-max_total_time=60]`.

Runs without Django and without a database. Ends with an error and the input on a crash, on a mail that got lost, or on
one that took longer than a second of processor time.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import atheris

with atheris.instrument_imports(include=["exceptions_app.channels.mail", "email"]):
    from exceptions_app.channels.mail import message

from tests.fuzz.mail_seeds import SEEDS, TOKENS

READER = message.Reader(authserv="mx.example", own=("us@kolbe.example",), lists=("floor",))


def one_mail(data: bytes) -> None:
    """Read one input and check what must hold for any."""
    began = time.process_time()
    found = message.read_mail(data, READER)
    if time.process_time() - began > 1.0:
        raise TimeoutError(f"{len(data)} bytes took too long")
    found.text.encode()
    if not 0 < len(found.external_id) <= 200:
        raise AssertionError("a mail without an id")
    if data.strip() and not (found.body or found.files or found.left_out or found.subject or found.headers):
        raise AssertionError("a mail that got lost")


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


def main() -> None:
    """Fuzz with the seeds as corpus and the format's words as dictionary, unless others are named."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(SEEDS):
            (corpus / str(number)).write_bytes(seed)
        words = Path(folder) / "words"
        words.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS))
        given = sys.argv[1:] or ["-runs=5000"]
        atheris.Setup(
            [sys.argv[0], *given, f"-dict={words}", "-max_len=20000", "-close_fd_mask=0", str(corpus)],
            one_mail,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
