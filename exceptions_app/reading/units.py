"""Units of measure and the words people use for them, folded, in the languages of the floor. Pure data."""

#: Unit of measure -> the words people use, folded. Counted units take whole numbers only.
UNITS: dict[str, tuple[str, ...]] = {
    "pcs": (
        "pcs", "pc", "pce", "pieces", "piece", "ea", "each", "units", "unit", "parts", "stk", "stck", "stueck", "stuck",
        "teile", "piezas", "pieza", "pza", "pzas", "pz", "uds", "ud", "unidades", "unidade", "pecas", "peca", "un",
        "und", "pcas", "szt", "sztuk", "sztuki", "sztuka", "detali", "czesci", "st", "nos",
    ),
    "box": (
        "boxes", "box", "kisten", "kiste", "kartons", "karton", "kartonow", "cajas", "caja", "caixas", "caixa", "pudel",
        "pudelek", "cartons", "carton", "cases", "case", "cartones", "skrzynek", "skrzynki",
    ),
    "pallet": (
        "pallets", "pallet", "paletten", "palette", "tarimas", "tarima", "pales", "pale", "palets", "paletes", "palete",
        "palet", "palety",
    ),
    "roll": (
        "coils", "coil", "rolls", "roll", "rollen", "rolle", "rollos", "rollo", "bobinas", "bobina", "rolos", "rolo",
        "rolek", "rolki", "kregow", "kregi", "spools", "reels",
    ),
    "set": ("sets", "set", "kits", "kit", "satz", "juegos", "juego", "jogos", "jogo", "kompletow", "komplety"),
    "kg": ("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms"),
    "g": ("gr", "gram", "grams", "gramm", "gramos", "gramas", "gramow"),
    "t": ("tons", "tonnes", "tonne", "tonnen", "toneladas", "ton"),
    "l": ("l", "ltr", "liter", "litre", "litres", "liters", "litros", "litrow"),
    "m": ("meter", "meters", "metre", "metres", "mtr", "metros", "metrow"),
    "person": (
        "operator", "operators", "people", "person", "persons", "men", "man", "welders", "setters", "guys",
        "guy", "temps", "workers", "hands", "colleagues", "packers", "mann", "leute", "leuten", "bediener", "bedienern",
        "kollegen",
        "mitarbeiter", "leiharbeiter", "krankmeldungen", "krankmeldung", "kranke", "operadores", "operador",
        "operarios", "operario", "personas", "persona", "trabajadores", "eventuales", "bajas", "baja",
        "pessoas", "pessoa",
        "trabalhadores", "colegas", "operatorow", "operatora", "osob", "osoby", "osoba", "ludzi", "pracownikow",
        "sick notes",
    ),
}  # fmt: skip
COUNTED = frozenset({"pcs", "box", "pallet", "roll", "set", "person"})
UNIT_OF = {word: unit for unit, words in UNITS.items() for word in words}
#: Small numbers in words, folded, in any of the languages and forms people count with.
CARDINALS: dict[str, int] = {
    word: number
    for number, words in enumerate(
        (
            "one a an ein eine einer einem einen un una uno um uma jeden jedna jednej jednego jedno",
            "two couple zwei beide dos ambos dois duas dwa dwie dwoch dwojga dwaj",
            "three drei tres trzy trzech trzej",
            "four vier cuatro quatro cztery czterech",
            "five fuenf funf cinco piec pieciu",
            "six sechs seis szesc szesciu",
            "seven sieben siete sete siedem siedmiu",
            "eight acht ocho oito osiem osmiu",
            "nine neun nueve nove dziewiec dziewieciu",
            "ten zehn diez dez dziesiec dziesieciu",
            "eleven elf once onze jedenascie",
            "twelve zwoelf zwolf doce doze dwanascie",
        ),
        start=1,
    )
    for word in words.split()
}
#: Words after a number that make it no amount of things: measures, money, parts of names, sheets and floors.
_NOT_COUNTED = """
mm cm nm um bar psi rpm hz khz kw kwh volt volts v a amp amps grad grados graus stopni stopnie degrees degree
deg celsius percent prozent eur euro euros usd zl pln am pm uhr h hrs hr min mins minutes minuten minutos minut
minuty sec seconds sekunden segundos sekund std stunden stunde hours hour horas hora godzin godziny godz days
day tage tag tagen dias dia dni dzien weeks week wochen woche semanas semana tygodni tygodnie tydzien months
monate meses miesiecy years jahre anos anios lat times mal veces vezes razy zmiana schicht shift turno th st nd
rd er ste and und or oder y e o i oraz of von de z the der die das el la los las do da dos is ist es jest on auf
at an in im en em na w to bis for fuer fur para by per pro out from line linie linea linha linia pos position
not nicht no nao nie with mit con com was war fue foi
"""
NOT_COUNTED = frozenset(_NOT_COUNTED.split())
