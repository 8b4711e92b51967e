"""Clock times said in words: "twenty past seven", "zehn vor acht", "las siete y media", "sete e vinte",
    "za dziesięć ósma".

Rewrites them in figures in place, so the rules for figures read them; what is left over of the words is filled with a
mark. Works on folded text; whether it is morning or evening stays open.
"""

import re
from functools import partial

#: Fills the rest of the words a time in figures was written over.
FILL = "\x02"

_HOURS = {
    "en": "one two three four five six seven eight nine ten eleven twelve",
    "de": "eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf",
    "es": "una dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "pt": "uma duas tres quatro cinco seis sete oito nove dez onze doze",
    "pl": "pierwsz[aej]+ drug[aiej]+ trzeci[aej]* czwart[aej]+ piat[aej]+ szost[aej]+ siodm[aej]+ osm[aej]+"
    " dziewiat[aej]+ dziesiat[aej]+"
    " jedenast[aej]+ dwunast[aej]+",
}
_MINUTES = {
    "en": {
        "five": 5,
        "ten": 10,
        "quarter": 15,
        "a quarter": 15,
        "twenty": 20,
        "twenty five": 25,
        "twenty-five": 25,
        "half": 30,
    },
    "de": {"funf": 5, "zehn": 10, "viertel": 15, "zwanzig": 20},
    "es": {"cinco": 5, "diez": 10, "cuarto": 15, "veinte": 20, "veinticinco": 25, "media": 30},
    "pt": {
        "cinco": 5,
        "dez": 10,
        "um quarto": 15,
        "quinze": 15,
        "vinte": 20,
        "vinte e cinco": 25,
        "meia": 30,
    },
    "pl": {"piec": 5, "dziesiec": 10, "kwadrans": 15, "dwadziescia": 20},
}
_EDGE, _END = r"(?<!\w)", r"(?!\w)"


def _hour(language: str, name: str) -> str:
    words = "|".join(f"(?:{word})" for word in _HOURS[language].split(" "))
    return f"(?P<{name}>{words}|[0-9]{{1,2}})"


def _minute(language: str) -> str:
    words = sorted(_MINUTES[language], key=len, reverse=True)
    return f"(?P<min>{'|'.join(words)}|[0-9]{{1,2}})"


_RULES: dict[str, tuple[tuple[re.Pattern[str], int], ...]] = {
    "en": (
        (re.compile(rf"{_EDGE}{_minute('en')} past {_hour('en', 'h')}{_END}(?![:.][0-9])"), 1),
        (
            re.compile(
                rf"{_EDGE}(?P<min>five|ten|quarter|a quarter|twenty|twenty[ -]five) to "
                rf"{_hour('en', 'h')}{_END}(?! ?(?:pcs"
                rf"|kg|of)|[:.][0-9])"
            ),
            -1,
        ),
    ),
    "de": (
        (re.compile(rf"{_EDGE}{_minute('de')} nach {_hour('de', 'h')}{_END}(?![:.][0-9])"), 1),
        (
            re.compile(
                rf"{_EDGE}(?P<min>funf|zehn|viertel|zwanzig) vor {_hour('de', 'h')}{_END}(?![:.][0-9])"
            ),
            -1,
        ),
        (re.compile(rf"{_EDGE}(?P<h>[0-9]{{1,2}}) uhr (?P<min>[0-5][0-9]){_END}"), 2),
    ),
    "es": (
        (re.compile(rf"{_EDGE}{_hour('es', 'h')} y {_minute('es')}{_END}"), 1),
        (re.compile(rf"{_EDGE}{_hour('es', 'h')} menos {_minute('es')}{_END}"), -1),
    ),
    "pt": (
        (re.compile(rf"{_EDGE}{_hour('pt', 'h')} e {_minute('pt')}{_END}"), 1),
        (
            re.compile(rf"{_EDGE}(?P<min>cinco|dez|um quarto|quinze|vinte) para as {_hour('pt', 'h')}{_END}"),
            -1,
        ),
    ),
    "pl": (
        (re.compile(rf"{_EDGE}{_minute('pl')} po {_hour('pl', 'h')}{_END}(?![:.][0-9])"), 1),
        (
            re.compile(
                rf"{_EDGE}za (?P<min>piec|dziesiec|kwadrans|dwadziescia) {_hour('pl', 'h')}{_END}(?![:.][0-9])"
            ),
            -1,
        ),
    ),
}


def in_figures(masked: str, language: str) -> str:
    """The text with spoken times as `7:20` and the rest of their words filled; every other character in its place."""
    for pattern, way in _RULES.get(language, ()):
        masked = pattern.sub(partial(_written, language=language, way=way), masked)
    return masked


def _written(match: re.Match[str], language: str, way: int) -> str:
    hour = _number(match["h"], _HOURS[language].split(" "))
    word = match["min"]
    minute = int(word) if word.isdigit() else _MINUTES[language][word]
    spoken = not (match["h"].isdigit() and word.isdigit())
    if hour is None or not 0 <= hour <= 23 or minute > 59 or (way != 2 and not spoken):
        return match[0]
    total = (hour * 60 + (minute if way > 0 else -minute)) % (24 * 60)
    figures = f"{total // 60}:{total % 60:02d}"
    room = len(match[0]) - len(figures)
    return match[0] if room < 0 else figures + FILL * room if way != 2 else f"{figures}{' ' * room}"


def _number(word: str, names: list[str]) -> int | None:
    if word.isdigit():
        return int(word)
    return next((index + 1 for index, name in enumerate(names) if re.fullmatch(name, word)), None)
