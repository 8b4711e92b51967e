"""Which words of a message could be a name or a cue people use: the runs nothing was read out of, and what is no name.

Pure; used when a person's correction is to teach something. A code is never a name: it is right or it is wrong, and
what looks like one is refused here, so that nothing can make one code stand for another by likeness.
"""

import re
from collections.abc import Iterable, Sequence

from exceptions_app.reading.master import MasterIndex
from exceptions_app.reading.normalise import Text, key_of, normalise
from exceptions_app.reading.packs import PackSet
from exceptions_app.reading.types import Span

MOST_WORDS = 5
LEAST_LETTERS = 3
LONGEST = 60
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*", re.UNICODE)
_TOKEN = re.compile(r"[^\W_]+", re.UNICODE)
# Words for a kind of thing, not for one of them; folded.
_KIND_WORDS = """
machine machines line lines unit station order orders part parts item items material lot batch customer supplier tool
shift area plant floor today yesterday one thing
maschine maschinen anlage linie auftrag teil teile charge los kunde lieferant werkzeug schicht halle werk heute gestern
ding maquina maquinas linea pedido orden pieza piezas lote cliente proveedor herramienta turno hoy ayer
linha ordem peca pecas fornecedor ferramenta hoje ontem
maszyna maszyny linia zlecenie czesc czesci partia klient dostawca narzedzie zmiana dzis wczoraj
"""
_KINDS = frozenset(_KIND_WORDS.split())
# Small words the packs need not know: where a run of words is cut. Folded.
_SMALL_WORDS = """
by with over under all again maybe near next from into onto off out up down still very now since after before every few
someone somebody should please can could about around behind only just also here there this that these those some
bei mit ueber uber unter alle wieder vielleicht noch sehr jetzt seit nach vor aus zum zur neben hinter bitte kann
jemand nur auch hier dort diese dieser dieses
con sobre todo otra vez quizas quiza muy ahora desde cerca junto detras favor puede alguien solo aqui esta este
com novo talvez muito agora perto atras pode alguem apenas tambem aqui esta este
przy przez znowu moze bardzo teraz od po przed obok za prosze ktos tylko tez tutaj tam
"""
_SMALL = frozenset(_SMALL_WORDS.split())


def why_no_name(words: str, packs: PackSet) -> str:
    """Why these words can't be somebody's name for one thing, in a sentence; empty when they can.

    A name has one to five words and three letters, says more than a kind of thing and small words, is no cue of its
    own, and carries at most a short number behind a word ("press 4"): longer ones belong to codes.
    """
    key = key_of(words)
    tokens = _TOKEN.findall(key)
    if not tokens or sum(char.isalpha() for char in key) < LEAST_LETTERS:
        return "too short to be a name"
    if len(tokens) > MOST_WORDS or len(words) > LONGEST:
        return "too long to be a name"
    for place, token in enumerate(tokens):
        if not any(char.isdigit() for char in token):
            continue
        before = tokens[place - 1] if place else ""
        if not token.isdigit() or len(token) > 2 or not before.isalpha() or len(before) < LEAST_LETTERS:
            return "a code or number is never learnt as a name"
    telling = [
        token
        for token in tokens
        if token.isalpha() and token not in _KINDS and token not in _SMALL and not packs.languages_of(token)
    ]
    if not telling:
        return "names a kind of thing, not one of them"
    text = normalise(words)
    if any(hit.start == 0 and hit.end >= len(text.key.rstrip()) for hit in packs.find(text)):
        return "says what happened, not where"
    return ""


def clash(words: str, kind: str, code: str, index: MasterIndex, site_code: str) -> str:
    """What in the master data already answers to these words, in a sentence; empty when nothing does.

    "known" when they already mean just this row.
    """
    text = normalise(words)
    hits, unknown = index.find(text, site_code)
    if unknown:
        return f"{unknown[0].span.text} is shaped like a code"
    end = len(text.original.rstrip())
    for hit in hits:
        if hit.method in ("code", "code_loose", "number"):
            return f"{hit.span.text} is a code"
        if hit.span.start == 0 and hit.span.end >= end:
            if {(row.kind, row.code) for row in hit.rows} == {(kind, code)}:
                return "known"
            if any(not row.only_at for row in hit.rows):
                others = " and ".join(sorted({row.code for row in hit.rows if row.code != code}))
                return f"the plant's own names already use it for {others or hit.rows[0].kind}"
    return ""


def unread(text: str, spans: Iterable[tuple[int, int]], packs: PackSet, *, most: int = 6) -> list[Span]:
    """The runs of words nothing was read out of and which could be a name, longest first, in offsets of `text`.

    Runs end at punctuation, at small words at their edges, at a cue, and where something was read.
    """
    message = normalise(text)
    taken = bytearray(len(message.original))
    cues = [message.from_key(hit.start, hit.end) for hit in packs.find(message)]
    for start, end in [*spans, *((cue.start, cue.end) for cue in cues)]:
        for place in range(max(start, 0), min(end, len(taken))):
            taken[place] = 1
    found: list[Span] = []
    run: list[tuple[int, int]] = []
    for word in [*_WORD.finditer(message.original), None]:
        if word is not None and not any(taken[word.start() : word.end()]):
            gap = message.original[run[-1][1] : word.start()] if run else ""
            if run and gap.strip():
                found += _named(message, run, packs)
                run = []
            run.append((word.start(), word.end()))
            continue
        found += _named(message, run, packs)
        run = []
    found.sort(key=lambda span: (span.start - span.end, span.start))
    return found[:most]


def _named(message: Text, run: Sequence[tuple[int, int]], packs: PackSet) -> list[Span]:
    """The run without small words at its ends, if that could be a name; long ones are cut at small words."""
    parts: list[list[tuple[int, int]]] = [[]]
    for start, end in run:
        word = key_of(message.original[start:end])
        if word in _SMALL or packs.languages_of(word):
            parts.append([])
        else:
            parts[-1].append((start, end))
    spans = [message.span(part[0][0], part[-1][1]) for part in parts if part]
    return [span for span in spans if not why_no_name(span.text, packs)]


def grams(phrases: Iterable[str], *, most: int = 3) -> set[str]:
    """Every run of one to `most` words in the phrases, folded: what may keep recurring in corrections."""
    found: set[str] = set()
    for phrase in phrases:
        words = _TOKEN.findall(key_of(phrase))
        for size in range(1, most + 1):
            for at in range(len(words) - size + 1):
                found.add(" ".join(words[at : at + size]))
    return found
