"""A sheet of printed codes: labels on A4 with cut marks, the QR code as vectors, so that it stays sharp on any printer.

Pure: words and addresses in, PDF out (segno's matrix, drawn by fpdf2). Sizes in millimetres. Knows no rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import segno
from fpdf import FPDF

PAGE: Final = (210.0, 297.0)
COLUMNS, ROWS = 2, 4
MARGIN: Final = 12.0
WIDTH: Final = (PAGE[0] - 2 * MARGIN) / COLUMNS
HEIGHT: Final = (PAGE[1] - 2 * MARGIN) / ROWS
PADDING: Final = 5.0
CODE_SIDE: Final = 48.0  # readable from an arm's length
QUIET: Final = 4  # modules of white around a QR code (ISO/IEC 18004)
MARK: Final = 4.0
FONTS: Final = ("inter-latin-600.ttf", "inter-latin-ext-600.ttf")

#: What the label asks for, in the language of its site.
WORDS: Final = {
    "en": "Something wrong? Scan and report.",
    "de": "Stimmt etwas nicht? Scannen und melden.",
    "es": "¿Algo va mal? Escanee y avise.",
    "pl": "Coś nie tak? Zeskanuj i zgłoś.",
    "pt": "Algo errado? Digitalize e avise.",
}


@dataclass(frozen=True, slots=True)
class Label:
    """One machine's label. `address` is what the code holds; it is also printed, for typing."""

    code: str
    name: str
    place: str
    address: str
    language: str = "en"


def sheet(labels: Sequence[Label], *, fonts: Path) -> bytes:
    """The PDF: COLUMNS by ROWS labels a page, in the order given. `fonts` is the folder FONTS lie in."""
    pdf = FPDF(format="A4", unit="mm")
    pdf.set_auto_page_break(False)
    pdf.set_title("Printed codes")
    pdf.add_font("label", fname=fonts / FONTS[0])
    pdf.add_font("label-more", fname=fonts / FONTS[1])
    pdf.set_fallback_fonts(["label-more"])
    for at, label in enumerate(labels):
        place = at % (COLUMNS * ROWS)
        if place == 0:
            pdf.add_page()
            _cut_marks(pdf)
        column, row = place % COLUMNS, place // COLUMNS
        _label(pdf, label, MARGIN + column * WIDTH, MARGIN + row * HEIGHT)
    if not labels:
        pdf.add_page()
    return bytes(pdf.output())


def _cut_marks(pdf: FPDF) -> None:
    """Short lines where the cuts meet, outside of what is kept."""
    pdf.set_draw_color(150)
    pdf.set_line_width(0.15)
    right, bottom = PAGE[0] - MARGIN, PAGE[1] - MARGIN
    for column in range(COLUMNS + 1):
        x = MARGIN + column * WIDTH
        pdf.line(x, MARGIN - MARK - 1, x, MARGIN - 1)
        pdf.line(x, bottom + 1, x, bottom + MARK + 1)
        for row in range(1, ROWS):
            y = MARGIN + row * HEIGHT
            pdf.line(x, y - MARK / 4, x, y + MARK / 4)
    for row in range(ROWS + 1):
        y = MARGIN + row * HEIGHT
        pdf.line(MARGIN - MARK - 1, y, MARGIN - 1, y)
        pdf.line(right + 1, y, right + MARK + 1, y)
        for column in range(1, COLUMNS):
            x = MARGIN + column * WIDTH
            pdf.line(x - MARK / 4, y, x + MARK / 4, y)


def _label(pdf: FPDF, label: Label, x: float, y: float) -> None:
    _code(pdf, label.address, x + PADDING - 1, y + (HEIGHT - CODE_SIDE) / 2 - 3)
    left = x + PADDING + CODE_SIDE + 1
    room = x + WIDTH - PADDING - left
    top = y + 10
    pdf.set_text_color(90)
    top = _words(pdf, label.place, left, top, room, size=8, most=2)
    pdf.set_text_color(0)
    top = _one_line(pdf, label.code, left, top + 1.5, room, largest=26)
    top = _words(pdf, label.name, left, top + 1, room, size=9, most=2)
    _words(pdf, WORDS.get(label.language[:2], WORDS["en"]), left, top + 4, room, size=10, most=3)
    pdf.set_text_color(90)
    _one_line(
        pdf, label.address.partition("//")[2].rstrip("/") or label.address, x + PADDING, y + HEIGHT - 9,
        WIDTH - 2 * PADDING, largest=8,
    )  # fmt: skip
    pdf.set_text_color(0)


def _code(pdf: FPDF, address: str, x: float, y: float) -> None:
    """The code's dark modules, each run of a row as one rectangle: no hairlines between them."""
    matrix = [bytes(row) for row in segno.make_qr(address, error="m").matrix]
    side = CODE_SIDE / (len(matrix) + 2 * QUIET)
    pdf.set_fill_color(0)
    for line, row in enumerate(matrix):
        start = None
        for column, dark in enumerate((*row, 0)):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                pdf.rect(
                    x + (QUIET + start) * side,
                    y + (QUIET + line) * side,
                    (column - start) * side,
                    side * 1.01,
                    "F",
                )
                start = None


def _one_line(pdf: FPDF, text: str, x: float, y: float, room: float, *, largest: float) -> float:
    """Write `text` as large as it fits; returns where the next line may begin."""
    size = largest
    pdf.set_font("label", size=size)
    while size > 5 and pdf.get_string_width(text) > room:
        size -= 0.5
        pdf.set_font("label", size=size)
    height = size * 0.42
    pdf.set_xy(x, y)
    pdf.cell(room, height, text)
    return y + height


def _words(pdf: FPDF, text: str, x: float, y: float, room: float, *, size: float, most: int) -> float:
    """Write `text` in at most `most` lines, the last one shortened; returns where the next line may begin."""
    pdf.set_font("label", size=size)
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and pdf.get_string_width(longer) > room:
            lines.append(line)
            line = word
        else:
            line = longer
    lines = [*lines, line] if line else lines
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]} …"]
    height = size * 0.46
    for one in lines:
        pdf.set_xy(x, y)
        pdf.cell(room, height, one)
        y += height
    return y
