"""What a reporter is told, in the five languages of the floor: short fixed sentences, the reference first. Pure.

Titles and options stay in the words they have; only the sentences around them are ours. Knows no rows and no channel.
"""

from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("en", "de", "es", "pt", "pl")
#: A text message's worth; what is longer is cut in the title.
LONGEST: Final = 300

_FUNCTIONS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "production": "production", "maintenance": "maintenance", "quality": "quality", "logistics": "logistics",
        "procurement": "purchasing", "planning": "planning", "customer_service": "customer service",
        "engineering": "engineering", "safety": "safety",
    },
    "de": {
        "production": "Produktion", "maintenance": "Instandhaltung", "quality": "Qualität", "logistics": "Logistik",
        "procurement": "Einkauf", "planning": "Planung", "customer_service": "Kundenservice",
        "engineering": "Technik", "safety": "Arbeitssicherheit",
    },
    "es": {
        "production": "producción", "maintenance": "mantenimiento", "quality": "calidad", "logistics": "logística",
        "procurement": "compras", "planning": "planificación", "customer_service": "atención al cliente",
        "engineering": "ingeniería", "safety": "seguridad",
    },
    "pt": {
        "production": "produção", "maintenance": "manutenção", "quality": "qualidade", "logistics": "logística",
        "procurement": "compras", "planning": "planejamento", "customer_service": "atendimento ao cliente",
        "engineering": "engenharia", "safety": "segurança",
    },
    "pl": {
        "production": "produkcja", "maintenance": "utrzymanie ruchu", "quality": "jakość", "logistics": "logistyka",
        "procurement": "zakupy", "planning": "planowanie", "customer_service": "obsługa klienta",
        "engineering": "dział techniczny", "safety": "BHP",
    },
}  # fmt: skip

#: {Function} begins a sentence, {function} stands inside one.
_SENTENCES: Final[dict[str, dict[str, str]]] = {
    "en": {
        "received": "{ref}: received, someone is looking at it.",
        "opened": "{ref}: {title}. {Function} is told.",
        "known": "{ref}: {title}. This is known already, your message was added.",
        "noted": "Received. Nothing new was opened from it.",
        "later": "Received, someone will look at it.",
        "acknowledged": "{ref}, {function} has taken it on",
        "coming": "{ref}, {function} is coming",
        "coming_in": "{ref}, {function} is coming, {minutes} min",
        "decided": "{ref}: decided: {option}.",
        "resolved": "{ref}: {title}. It is resolved.",
        "cancelled": "{ref}: {title}. It was withdrawn.",
        "merged": "{ref} goes on as {other}.",
    },
    "de": {
        "received": "{ref}: angekommen, jemand sieht es sich an.",
        "opened": "{ref}: {title}. Informiert: {function}.",
        "known": "{ref}: {title}. Das ist schon bekannt, deine Nachricht ist dabei.",
        "noted": "Angekommen. Daraus wurde nichts Neues eröffnet.",
        "later": "Angekommen, jemand sieht es sich an.",
        "acknowledged": "{ref}, {function} hat übernommen",
        "coming": "{ref}, {function} kommt",
        "coming_in": "{ref}, {function} kommt, {minutes} min",
        "decided": "{ref}: entschieden: {option}.",
        "resolved": "{ref}: {title}. Erledigt.",
        "cancelled": "{ref}: {title}. Wurde zurückgezogen.",
        "merged": "{ref} geht weiter als {other}.",
    },
    "es": {
        "received": "{ref}: recibido, alguien lo está mirando.",
        "opened": "{ref}: {title}. Aviso dado: {function}.",
        "known": "{ref}: {title}. Ya se sabía, tu mensaje se ha añadido.",
        "noted": "Recibido. No se ha abierto nada nuevo.",
        "later": "Recibido, alguien lo mirará.",
        "acknowledged": "{ref}, {function} se ocupa",
        "coming": "{ref}, {function} va en camino",
        "coming_in": "{ref}, {function} va en camino, {minutes} min",
        "decided": "{ref}: decidido: {option}.",
        "resolved": "{ref}: {title}. Resuelto.",
        "cancelled": "{ref}: {title}. Se ha retirado.",
        "merged": "{ref} continúa como {other}.",
    },
    "pt": {
        "received": "{ref}: recebido, alguém está vendo.",
        "opened": "{ref}: {title}. Aviso enviado: {function}.",
        "known": "{ref}: {title}. Já era conhecido, sua mensagem foi acrescentada.",
        "noted": "Recebido. Nada de novo foi aberto.",
        "later": "Recebido, alguém vai ver.",
        "acknowledged": "{ref}, {function} assumiu",
        "coming": "{ref}, {function} está a caminho",
        "coming_in": "{ref}, {function} está a caminho, {minutes} min",
        "decided": "{ref}: decidido: {option}.",
        "resolved": "{ref}: {title}. Resolvido.",
        "cancelled": "{ref}: {title}. Foi retirado.",
        "merged": "{ref} continua como {other}.",
    },
    "pl": {
        "received": "{ref}: dotarło, ktoś już na to patrzy.",
        "opened": "{ref}: {title}. Powiadomiono: {function}.",
        "known": "{ref}: {title}. To już zgłoszono, dołączono twoją wiadomość.",
        "noted": "Dotarło. Nie otwarto niczego nowego.",
        "later": "Dotarło, ktoś na to spojrzy.",
        "acknowledged": "{ref}, zajmuje się tym: {function}",
        "coming": "{ref}, w drodze: {function}",
        "coming_in": "{ref}, w drodze: {function}, {minutes} min",
        "decided": "{ref}: decyzja: {option}.",
        "resolved": "{ref}: {title}. Załatwione.",
        "cancelled": "{ref}: {title}. Wycofano.",
        "merged": "{ref} trwa dalej jako {other}.",
    },
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a sentence may name. `function_name` stands in where the code is none of ours; `minutes` rounded up."""

    ref: str = ""
    title: str = ""
    function: str = ""
    function_name: str = ""
    minutes: int | None = None
    option: str = ""
    other: str = ""


def language(code: str) -> str:
    """The shipped language nearest to a code (`pt-BR` is `pt`); English for any other."""
    short = code.lower().replace("_", "-").partition("-")[0]
    return short if short in LANGUAGES else "en"


def sentence(what: str, facts: Facts, *, language_code: str) -> str:
    """The sentence named `what` (received, opened, known, noted, later, acknowledged, coming, decided, resolved,
    cancelled, merged) in that language, at most LONGEST characters. KeyError for another name.
    """
    code = language(language_code)
    if what == "coming" and facts.minutes is not None:
        what = "coming_in"
    function = _FUNCTIONS[code].get(facts.function) or facts.function_name
    pattern = _SENTENCES[code][what]

    def filled(title: str) -> str:
        return pattern.format(
            ref=facts.ref, title=title, function=function, Function=function[:1].upper() + function[1:],
            minutes=facts.minutes, option=facts.option.rstrip("."), other=facts.other,
        )  # fmt: skip

    text = filled(facts.title.rstrip("."))
    if len(text) > LONGEST:
        room = max(20, LONGEST - (len(text) - len(facts.title)) - 1)
        text = filled(facts.title[:room].rstrip() + "…")
    return text[:LONGEST]
