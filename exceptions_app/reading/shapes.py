"""What a code looks like in running text: runs of letters and digits, what joins them, where one begins and ends.

Pure patterns over folded text, made once; which codes there are is `master`. Says when a number is no code at all: a
telephone, an alarm, a tax number, something counted.
"""

import re

from exceptions_app.reading.normalise import Text, fold

GROUP = re.compile(r"[^\W\d_]+|[0-9]+")
JOIN = re.compile(r"[ \t]?[-_/.#:+]?[ \t#]?")
_COUNTED = (
    r"(?! ?(?:pcs|pc|pieces|parts|stk|stck|stuck|st|teile|pzas|piezas|pecas|szt|sztuk|ea|kg|g|l|m|mm|min|mins|minut\w*"
    r"|h|hrs|hour|std|scrap|good|done|bad|ok|left|x|%|times|ausschuss|merma|refugo|operator|people|mann)\b)"
)
AND = re.compile(
    r"(?: ?[&+/]| (?:and|und|y|e|i|oraz|or|oder|o)| ?,(?=[ ]?[0-9]+ ?(?:,|&|and |und |y |e |i |oraz )))[ ]?"
    r"([0-9]{1,6})(?![\w:%]|[.,][0-9])" + _COUNTED
)
UNCOUNTED = re.compile(_COUNTED)
FILLERS = frozenset({"no", "nr", "num"})
LINE = re.compile(
    r"[ ,/-]{0,2}(?:line|ln|item|pos|position|partida|linea|posicion|linha|poz|pozycja|zeile)?\.? ?#?([0-9]{1,5})(?!\w)"
)
NOT_A_CODE = re.compile(
    r"(?:alarm|alarma|alarme|error|err|fault|code|tel|phone|mobile|mobil|fon|telefono|telefone|telefon|fax|vat|ust|ust-id"
    r"|fehler|codigo|erro|blad|blad serwa|kod|nip|nif|cif|nipc|regon"
    r"|org\.? ?nr|iban|plz|cp|ext|extension|durchwahl|wewn|int"
    r"|quote|quotation|angebot|angebotsnr|oferta|orcamento|cotizacion|presupuesto|proposta|ticket|version|serial|sn|s/n"
    r"|ce|model|modell|modelo)(?: [a-z]{1,8})?[ :.#/-]*$"
)
ORDER_WORD = re.compile(
    r"(?:(?<!\w)(?:of|wo|fa|mo|po|so|op|zp|oc|job|order|orders|auftrag|auftraege|fertigungsauftrag|bestellung|orden|ordenes"
    r"|pedido|compra|ordem|encomenda|zlecenie|zlecenia|zleceniu|zamowienie|zamowienia|zamowieniu|lot|batch|lote|charge|los"
    r"|partia|partii|partie)(?: (?:no|nr|num|number|de compra|de fabricacion|order))?\.?[ :#]{0,2})$"
)
LEAD = re.compile(
    r"(?:^|[,;:.(\n!?] ?|(?<!\w)(?:la|el|the|die|der|den|dem|a|o"
    r"|na|da|do|fuer|for|para|zu|zum|and|und|y|e|i|od|w|on) )$"
)
YEAR = re.compile(r"(?:19|20)[0-9]{2}")
ZERO = re.compile(r"o[0-9o]|[0-9]o|[a-z]0|(?<![a-z])0")


def groups_of(text: str) -> list[str]:
    """Runs of letters and of digits; digits without leading zeros."""
    return [part.lstrip("0") or "0" if part.isdigit() else part for part in GROUP.findall(fold(text))]


def squash(text: str) -> str:
    return "".join(char for char in fold(text) if char.isalnum())


def stands_alone(text: Text, begin: int, end: int) -> bool:
    """A bare number that is neither counted, an alarm, nor part of a longer number."""
    folded = text.fold
    if NOT_A_CODE.search(folded, max(0, begin - 20), begin) or not UNCOUNTED.match(folded, end):
        return False
    before, after = folded[max(0, begin - 2) : begin], folded[end : end + 2]
    return not (re.search(r"[0-9][ /.,-]$", before) or re.match(r"[ /.,-][0-9]", after))


def free_before(folded: str, begin: int) -> bool:
    """Not the tail of a longer identifier."""
    if begin == 0:
        return True
    before = folded[begin - 1]
    if before.isalnum() or before == "_":
        return False
    return not (
        before in "-." and begin > 1 and folded[begin - 2].isalnum() and not folded[begin - 2].isspace()
    )


def free_after(folded: str, end: int, kind: str) -> bool:
    """Not the head of a longer identifier; an order may carry an operation or line behind its number."""
    after = folded[end : end + 2]
    if after[:1].isalnum() or after[:1] == "_":
        return False
    if len(after) < 2 or after[0] not in "-." or not after[1].isalnum():
        return True
    if kind in ("work_order", "sales_order", "purchase_order"):
        return True
    tail = re.match(r"[-.]([^\W_]+)", folded[end : end + 12])
    return tail is None or (tail[1].isalpha() and len(tail[1]) > 3)
