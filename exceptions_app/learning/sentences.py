"""Training sentences out of the authored templates and the cue packs: filled, varied and roughened, always the same.

Deterministic for a seed. Knows the templates' notation and what people's typing looks like; knows no learning library.
"""

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.model import NONE, OTHER
from exceptions_app.reading.packs import LANGUAGES, PACKS_DIR
from exceptions_app.reading.types import TYPE_CODES

TRAINING_DIR = Path(__file__).resolve().parent.parent / "reading" / "training"
LABELS = (*TYPE_CODES, OTHER, NONE)
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")
_VARIANTS = 8


@dataclass(frozen=True, slots=True)
class Sentence:
    """One example. `group` is its template: examples of one template never stand on both sides of a split."""

    text: str
    label: str
    language: str
    group: str
    weight: float = 1.0


#: Names the training plant knows, and names it does not: people call things what they like.
_KNOWN: dict[str, tuple[str, ...]] = {
    "u": ("CNC-04", "PRS-07", "M-112", "PRESS-04", "EX2", "WLD.03", "R7", "FR-22", "INJ-11", "BZ 210", "press 4",
          "Presse 4", "prensa 2", "prasa 3", "the Schuler", "Drehmaschine 2", "torno 5", "tokarka 2", "Fraese 1",
          "wtryskarka 6", "injetora 3", "robot 3", "horno 2", "piec 4", "Saege 2", "laser 1", "Mazak"),
    "c": ("PRS-A", "AL-2", "LINE-3", "Z10", "line 3", "Linie 3", "linea 2", "linha 4", "linia 2", "assembly",
          "Montage", "montaje", "montagem", "lakiernia", "packing", "Halle 2", "nave 3", "press shop"),
    "o": ("WO-104233", "4500017", "MO/24/118", "FA-310490", "OF-22871", "ZP/2231", "118204", "OP 77310"),
    "i": ("SK-40", "HB-250", "BRK-2210", "AB.12.003", "COIL-2MM", "seal kits", "brackets", "Gehaeuse", "tornillos M8",
          "parafusos M8", "uszczelki", "labels 40x60", "Deckel", "soportes", "suportes", "obudowy", "steel sheet",
          "granulate PA66", "chapa", "blacha", "bearings 6204", "Dichtungen"),
    "l": ("L-77120", "CH-2291", "lot L-4410", "B240117", "LT 99812"),
    "so": ("SO-55120", "SO 55121 line 10", "KA-7781", "PV-3301", "4711008", "ZS/118/24"),
    "po": ("PO-88031", "PO 88032", "BE-4410", "OC-9917", "4500881", "ZZ/77/24"),
    "cu": ("Hansen Trailers", "Hansen", "Mueller Hydraulik", "Iveco", "Volta Bus", "CU-100",
        "Kowalski Agro", "Lusomec"),
    "su": ("Rhein Stahl", "SU-20", "Acerinox", "Plastimar", "Huta Zawadka", "Fastenal", "Boll & Sohn", "Norchem"),
    "p": ("Ana Ruiz", "Jan", "Kowalczyk", "Mehmet", "Joao", "Tomek", "Herr Schulz", "Carlos", "Marta"),
}  # fmt: skip
_KINDS = {
    "u": "work_unit", "c": "work_centre", "o": "work_order", "i": "item", "l": "lot", "so": "sales_order",
    "po": "purchase_order", "cu": "customer", "su": "supplier", "p": "person",
}  # fmt: skip
_STRANGE: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {"u": ("mill 7", "the big lathe", "our old saw", "machine 12", "it", "the packer", "station 4"),
           "c": ("the line", "cell 8", "our area", "paint", "hall B"), "i": ("brackets", "the housings",
               "screws M6", "parts"),
           "o": ("the order", "our job", "order 99812"), "l": ("the batch", "this lot"), "so": ("the order",
               "our order", "order 45-991"),
           "po": ("our order", "the delivery", "order 77-12"), "cu": ("the customer", "customer"),
               "su": ("the supplier", "our vendor"),
           "p": ("Mike", "the new guy", "my operator", "Sarah")},
    "de": {"u": ("die Fräse 7", "die alte Säge", "Maschine 12", "die Anlage", "der Automat", "Station 4"),
           "c": ("die Linie", "Zelle 8", "unser Bereich", "Lackiererei"), "i": ("Halter", "Gehäuse",
               "Schrauben M6", "Teile"),
           "o": ("der Auftrag", "Auftrag 99812"), "l": ("die Charge", "das Los"), "so": ("der Auftrag",
               "unsere Bestellung"),
           "po": ("die Bestellung", "die Lieferung"), "cu": ("der Kunde", "Kunde"), "su": ("der Lieferant",
               "Lieferant"),
           "p": ("Michael", "der Neue", "Kollege", "Fatma")},
    "es": {"u": ("la roscadora", "la máquina 12", "la sierra", "el equipo", "estación 4"), "c": ("la línea",
        "celda 8", "pintura"),
           "i": ("soportes", "carcasas", "tornillos", "piezas"), "o": ("la orden", "orden 99812"),
               "l": ("el lote", "este lote"),
           "so": ("el pedido", "nuestro pedido"), "po": ("el pedido", "la entrega"), "cu": ("el cliente", "cliente"),
           "su": ("el proveedor", "proveedor"), "p": ("Pepe", "el nuevo", "mi operador", "Lupita")},
    "pt": {"u": ("a serra", "a máquina 12", "o equipamento", "posto 4"), "c": ("linha", "célula 8", "pintura"),
           "i": ("suportes", "carcaças", "parafusos", "peças"), "o": ("a ordem", "ordem 99812"),
               "l": ("o lote", "este lote"),
           "so": ("o pedido", "nossa encomenda"), "po": ("o pedido", "a encomenda"), "cu": ("o cliente", "cliente"),
           "su": ("o fornecedor", "fornecedor"), "p": ("Zé", "o novo", "o operador", "Rita")},
    "pl": {"u": ("piła", "maszyna 12", "stara tokarka", "gniazdo 4"), "c": ("linia", "lakiernia", "hala B"),
           "i": ("wsporniki", "obudowy", "śruby", "detale"), "o": ("zlecenie", "zlecenie 99812"),
               "l": ("partia", "ta partia"),
           "so": ("zamówienie", "nasze zamówienie"), "po": ("zamówienie", "dostawa"), "cu": ("klient",),
               "su": ("dostawca",),
           "p": ("Andrzej", "nowy", "operator", "Kasia")},
}  # fmt: skip
_DAYS = {
    "en": (
        "Monday",
        "Thursday",
        "friday",
        "tomorrow",
        "next week",
        "Dec 3",
        "4.12.",
        "wk 49",
        "2026-12-04",
        "12/14",
    ),
    "de": ("Montag", "Donnerstag", "morgen", "nächste Woche", "3.12.", "KW 49", "04.12.2026", "Freitag"),
    "es": (
        "lunes",
        "jueves",
        "mañana",
        "la próxima semana",
        "3 de diciembre",
        "semana 49",
        "4/12",
        "viernes",
    ),
    "pt": (
        "segunda",
        "quinta",
        "amanhã",
        "próxima semana",
        "3 de dezembro",
        "semana 49",
        "4/12",
        "sexta-feira",
    ),
    "pl": ("poniedziałek", "czwartek", "jutro", "przyszły tydzień", "3 grudnia", "tydz 49", "4.12", "piątek"),
}
_TIMES = ("9.30", "14:00", "6", "10:15", "0540", "22h", "7:45", "13.20")
_OPENINGS = {
    "en": ("Hi team, ", "morning, ", "fyi ", "URGENT ", "hey, ", "Hello, ", "pls help: ", "info: "),
    "de": ("Hallo, ", "Moin, ", "zur Info: ", "DRINGEND ", "Kollegen, ", "Servus, "),
    "es": ("Hola, ", "buenas, ", "aviso: ", "URGENTE ", "compañeros, ", "Buenos días, "),
    "pt": ("Olá, ", "bom dia, ", "aviso: ", "URGENTE ", "pessoal, ", "Boa tarde, "),
    "pl": ("Cześć, ", "dzień dobry, ", "info: ", "PILNE ", "hej, ", "Witam, "),
}
_CLOSINGS = {
    "en": (
        " thanks",
        " pls advise",
        ". {o} will be late",
        " asap",
        ". {cu} is waiting for it",
        "!!",
        ". Regards, {p}",
    ),
    "de": (
        " danke",
        " bitte melden",
        ". {o} wird später",
        ". {cu} wartet darauf",
        "!!",
        ". Gruß {p}",
        " mfg",
    ),
    "es": (" gracias", " favor de avisar", ". {o} se atrasa", ". {cu} espera", "!!", ". Saludos, {p}"),
    "pt": (" obrigado", " favor avisar", ". {o} vai atrasar", ". {cu} espera", "!!", ". Cumprimentos, {p}"),
    "pl": (" dzięki", " proszę o info", ". {o} się opóźni", ". {cu} czeka", "!!", ". Pozdrawiam, {p}"),
}
_CARRIERS = {
    "machine_downtime": ("u", "c"), "material_shortage": ("i", "c", "o"), "quality_hold": ("l", "i", "o"),
    "order_change": ("so", "cu"), "labour_shortage": ("c", "u", "p"), "tooling": ("u",), "supplier_delay": ("po", "su"),
    "safety_stop": ("u", "c"), "customer_complaint": ("cu", "so"), "engineering_change": ("i",),
}  # fmt: skip


def training_plant() -> MasterIndex:
    """The master data the authored sentences speak of."""
    return MasterIndex(
        MasterCode(_KINDS[slot], f"{slot.upper()}-{number:03d}X", name, aliases=(name,))
        if not any(char.isdigit() for char in name) or " " in name
        else MasterCode(_KINDS[slot], name)
        for slot, names in _KNOWN.items()
        for number, name in enumerate(names)
    )


def authored(seed: int = 7) -> Iterator[Sentence]:
    """Every template in its variants, clean and rough."""
    for language in LANGUAGES:
        label = ""
        others: dict[str, list[str]] = {}
        for line in (TRAINING_DIR / f"{language}.txt").read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("["):
                label = line.strip("[]")
                if label not in LABELS:
                    raise ValueError(f"{language}.txt: {label} is no label")
                continue
            chance = random.Random(f"{seed}/{language}/{line}")  # noqa: S311 - variation, not secrecy
            seen: set[str] = set()
            for number in range(_VARIANTS):
                text = _filled(_chosen(line, chance), language, chance)
                if number >= _VARIANTS - 2 and label != NONE:
                    text = _joined(text, others.get(label, []), language, chance)
                if number:
                    text = _dressed(text, label, language, chance)
                    if number == _VARIANTS - 1:
                        text = _mailed(text, language, chance)
                    text = _roughened(text, chance)
                if text not in seen:
                    seen.add(text)
                    yield Sentence(text, label, language, f"{language}/{label}/{line}")
            others.setdefault(label, []).append(line)


def from_packs(seed: int = 7) -> Iterator[Sentence]:
    """The cue words themselves, alone and beside a name, at less weight."""
    for language in LANGUAGES:
        with (PACKS_DIR / f"{language}.toml").open("rb") as file:
            document = tomllib.load(file)
        for label, lists in document["types"].items():
            for phrase in lists["strong"]:
                chance = random.Random(f"{seed}/{language}/{phrase}")  # noqa: S311 - variation, not secrecy
                words = re.sub(r"\{[ndt]\}", str(chance.randint(2, 40)), phrase.rstrip("~"))
                slot = chance.choice(_CARRIERS[label])
                for text in (f"{{{slot}}} {words}", f"{words} {{{slot}}}"):
                    yield Sentence(
                        _filled(text, language, chance),
                        label,
                        language,
                        f"{language}/{label}/cue/{phrase}",
                        0.5,
                    )


def _chosen(template: str, chance: random.Random) -> str:
    while found := _CHOICE.search(template):
        template = template[: found.start()] + chance.choice(found[1].split("|")) + template[found.end() :]
    return re.sub(r"\s+", " ", template).replace(" ,", ",").strip(" ,")


def _filled(template: str, language: str, chance: random.Random) -> str:
    def value(match: re.Match[str]) -> str:
        slot = match[1]
        if slot == "n":
            return str(chance.randint(2, 6))
        if slot == "q":
            return str(chance.choice((12, 40, 150, 300, 480, 600, 1200, 2500)))
        if slot == "t":
            return chance.choice(_TIMES)
        if slot == "d":
            return chance.choice(_DAYS[language])
        known = chance.random() < 0.72
        return chance.choice(_KNOWN[slot] if known else _STRANGE[language][slot])

    return _SLOT.sub(value, template)


def _dressed(text: str, label: str, language: str, chance: random.Random) -> str:
    """A greeting before, a consequence or a goodbye after: none of which is the matter."""
    if chance.random() < 0.2:
        text = chance.choice(_OPENINGS[language]) + text
    if chance.random() < 0.25:
        closings = _CLOSINGS[language][:2] if label == NONE else _CLOSINGS[language]
        text += _filled(chance.choice(closings), language, chance)
    return text


def _joined(text: str, others: list[str], language: str, chance: random.Random) -> str:
    """Two sentences of one matter, as longer messages have."""
    if not others or chance.random() < 0.4:
        return text
    more = _filled(_chosen(chance.choice(others[-12:]), chance), language, chance)
    return f"{text}{chance.choice(('. ', ', ', chr(10), ' - '))}{more}"


def _mailed(text: str, language: str, chance: random.Random) -> str:
    """The same as a mail: subject, greeting, body, goodbye."""
    subject, hello, bye = _MAIL[language]
    head = text.split(",")[0].split(".")[0]
    about = chance.choice((head, head, " ".join(text.split()[:2])))
    who = chance.choice(_KNOWN["p"])
    return f"{subject}: {about}\n\n{chance.choice(hello)},\n\n{text}\n\n{chance.choice(bye)}\n{who}"


_MAIL = {
    "en": ("Subject", ("Hi all", "Dear team", "Hello", "Dear Sir or Madam"), ("Regards", "Thanks", "Best regards")),
    "de": ("Betreff", ("Hallo zusammen", "Sehr geehrte Damen und Herren", "Moin"), ("Gruß", "Mit freundlichen Grüßen")),
    "es": ("Asunto", ("Buenos días", "Estimados", "Hola a todos"), ("Saludos", "Atentamente", "Gracias")),
    "pt": ("Assunto", ("Bom dia", "Caros", "Prezados"), ("Cumprimentos", "Atenciosamente", "Obrigado")),
    "pl": ("Temat", ("Dzień dobry", "Szanowni Państwo", "Witam"), ("Pozdrawiam", "Z poważaniem")),
}  # fmt: skip
_PLAIN = str.maketrans("áàâãäåąéèêëęíìîïóòôõöøúùûüçćñńśźżłß", "aaaaaaaeeeeeiiiioooooouuuuccnnszzls")


def _roughened(text: str, chance: random.Random) -> str:
    """Marks left out, capitals lost or held, a letter missing, doubled or swapped."""
    dice = chance.random()
    if dice < 0.3:
        text = text.translate(_PLAIN)
    if chance.random() < 0.3:
        text = text.lower()
    elif chance.random() < 0.06:
        text = text.upper()
    words = text.split(" ")
    for place, word in enumerate(words):
        if len(word) > 4 and word.isalpha() and chance.random() < 0.05:
            at = chance.randrange(1, len(word) - 1)
            words[place] = chance.choice(
                (
                    word[:at] + word[at + 1 :],
                    word[:at] + word[at] + word[at:],
                    word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                )
            )
    return " ".join(words)
