"""Units of measure and the words people use for them, folded, in the languages of the floor. Pure data."""

#: Unit of measure -> the words people use, folded. Counted units take whole numbers only.
UNITS: dict[str, tuple[str, ...]] = {
    "pcs": (
        "pcs", "pc", "pce", "pieces", "piece", "ea", "each", "units", "unit", "parts", "stk", "stck", "stueck", "stuck",
        "teile", "piezas", "pieza", "pza", "pzas", "pz", "uds", "unidades", "pecas", "peca", "un", "szt", "sztuk",
        "sztuki", "sztuka", "detali", "czesci",
    ),
    "box": ("boxes", "box", "kisten", "kiste", "kartons", "karton", "cajas", "caja", "caixas", "caixa", "pudel"),
    "pallet": ("pallets", "pallet", "paletten", "palette", "tarimas", "tarima", "pales", "pale", "paletes", "palet"),
    "roll": ("coils", "coil", "rolls", "roll", "rollen", "rolle", "rollos", "rollo", "bobinas", "bobina", "rolek"),
    "set": ("sets", "set", "kits", "kit", "satz", "juegos", "juego", "jogos", "jogo", "kompletow", "komplety"),
    "kg": ("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms"),
    "t": ("tons", "tonnes", "tonne", "tonnen", "toneladas", "ton"),
    "l": ("l", "ltr", "liter", "litre", "litres", "liters", "litros", "litrow"),
    "m": ("meter", "meters", "metre", "metres", "mtr", "metros", "metrow"),
    "person": (
        "operator", "operators", "people", "person", "persons", "men", "welders", "setters", "mann", "leute",
        "bediener", "operadores", "operador", "personas", "pessoas", "operatorow", "operatora", "osob", "osoby",
        "ludzi",
    ),
}  # fmt: skip
COUNTED = frozenset({"pcs", "box", "pallet", "roll", "set", "person"})
UNIT_OF = {word: unit for unit, words in UNITS.items() for word in words}
