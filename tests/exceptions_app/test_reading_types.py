"""Types and links of messages in five languages."""

import pytest

from tests.exceptions_app.reading_plant import read

CLEAR = [
    # language, type, needed link, text
    ("en", "machine_downtime", {"work_unit": "PRS-04"}, "press 4 down, hydraulic leak"),
    ("en", "machine_downtime", {"work_unit": "CNC-04"}, "CNC-04 down, spindle vibration, stopped mid cycle"),
    ("en", "machine_downtime", {"work_unit": "PRS-04"}, "PRS-04 won’t start, no air"),
    ("en", "machine_downtime", {"work_unit": "PRS-04"}, "break down at PRS 04, we need a fitter"),
    ("de", "machine_downtime", {"work_unit": "PRS-04"}, "Presse 4 steht seit 9 Uhr, Hydraulik undicht"),
    ("de", "machine_downtime", {"work_centre": "PRS-A"}, "Linie A steht seit halb neun, keine Luft"),
    ("de", "machine_downtime", {"work_unit": "PRS-04"}, "PRS-04 laeuft nicht, Oelverlust"),
    ("es", "machine_downtime", {"work_unit": "PRS-04"}, "Prensa 4 no arranca, fuga de aceite"),
    ("pt", "machine_downtime", {"work_unit": "CNC-04"}, "máquina parada CNC-04, vazando óleo há 20 min"),
    ("pl", "machine_downtime", {"work_unit": "PRS-04"}, "Prasa 4 nie działa od 9:15, wyciek oleju"),
    ("pl", "machine_downtime", {"work_unit": "PRS-04"}, "prasa 4 nie dziala od 9:15"),
    ("en", "material_shortage", {"item": "SK-40"}, "AL-2 short of 120 seal kits"),
    ("en", "material_shortage", {"item": "SK-40"}, "line A stopped, waiting for material SK-40"),
    ("de", "material_shortage", {"item": "SK-40"}, "kein Material SK-40 an Presse 4, nur noch 20 Stück"),
    ("es", "material_shortage", {"item": "SK-40"}, "falta material SK-40, faltan 50 piezas en prensa 4"),
    ("pt", "material_shortage", {"item": "SK-40"}, "falta material SK-40 na linha A, só restam 20"),
    ("pl", "material_shortage", {"item": "SK-40"}, "Brak materiału SK-40 na linii A, brakuje 50 szt"),
    ("en", "quality_hold", {"lot": "L-77120"}, "lot L-77120 on hold, burrs on 40 pcs"),
    ("en", "quality_hold", {"work_order": "WO-118204"}, "22 done, 1 scrap on WO-118204, out of tolerance"),
    ("de", "quality_hold", {"lot": "L-77120"}, "Los L-77120 gesperrt, 40 Stk mit Kratzer"),
    ("es", "quality_hold", {"lot": "L-77120"}, "lote L-77120 retenido, rebaba en 1.200 piezas"),
    ("pt", "quality_hold", {"lot": "L-77120"}, "lote L-77120 reprovado, trinca em 12 peças"),
    ("pl", "quality_hold", {"lot": "L-77120"}, "partia L-77120 zablokowana, wymiar nie trzyma, 40 szt"),
    ("en", "order_change", {"sales_order": "SO-55120"}, "pull in SO-55120 to 4 December"),
    ("en", "order_change", {"sales_order_line": "SO-55120/10"},
     "Hansen wants to increase SO-55120 line 10 from 600 to 800 pcs by Friday"),
    ("en", "order_change", {"customer": "CU-100"}, "customer line down, Hansen needs SO-55120 asap"),
    ("de", "order_change", {"sales_order": "SO-55120"}, "Auftrag SO-55120 eilt, bitte vorziehen auf KW 50"),
    ("es", "order_change", {"sales_order": "SO-55120"}, "adelantar SO-55120 para el viernes"),
    ("pt", "order_change", {"sales_order": "SO-55120"}, "antecipar SO-55120 para sexta"),
    ("pl", "order_change", {"sales_order": "SO-55120"}, "zmiana terminu SO-55120 na 4.12."),
    ("en", "labour_shortage", {"work_centre": "PRS-A"}, "two short on line A, one called in sick"),
    ("de", "labour_shortage", {"work_unit": "PRS-04"}, "Kein Bediener an Presse 4"),
    ("es", "labour_shortage", {"work_centre": "PRS-A"}, "falta operador en línea A"),
    ("pt", "labour_shortage", {"work_centre": "PRS-A"}, "faltaram 2 na linha A hoje"),
    ("pl", "labour_shortage", {"work_centre": "PRS-A"}, "brak operatora na linii A"),
    ("en", "tooling", {"work_unit": "PRS-04"}, "tool broke on press 4, die D-214"),
    ("de", "tooling", {"work_unit": "PRS-04"}, "Werkzeugbruch an Presse 4"),
    ("es", "tooling", {"work_unit": "PRS-04"}, "herramienta rota en prensa 4"),
    ("pt", "tooling", {"work_unit": "CNC-04"}, "ferramenta quebrada CNC-04"),
    ("pl", "tooling", {"work_unit": "CNC-04"}, "złamane narzędzie CNC-04"),
    ("en", "supplier_delay", {"purchase_order": "PO-88031"}, "PO-88031 delayed shipment, new eta 4.12."),
    ("de", "supplier_delay", {"purchase_order": "PO-88031"}, "Lieferant verspätet, PO-88031 neuer Liefertermin 4.12."),
    ("es", "supplier_delay", {"purchase_order": "PO-88031"}, "proveedor retrasado PO-88031, detenido en aduana"),
    ("pt", "supplier_delay", {"purchase_order": "PO-88031"}, "fornecedor atrasado PO-88031 nova previsão 4/12"),
    ("pl", "supplier_delay", {"purchase_order": "PO-88031"}, "dostawca opóźniony PO-88031, utknęło na cle"),
    ("en", "safety_stop", {"work_unit": "PRS-04"}, "e-stop hit at press 4, nobody hurt"),
    ("de", "safety_stop", {"work_unit": "PRS-04"}, "Unfall an Presse 4, Mitarbeiter verletzt"),
    ("es", "safety_stop", {"work_unit": "PRS-04"}, "accidente en prensa 4, operario lesionado"),
    ("pt", "safety_stop", {"work_unit": "CNC-04"}, "acidente na CNC-04, operador machucou a mão"),
    ("pl", "safety_stop", {"work_unit": "CNC-04"}, "wypadek przy CNC-04, ranny pracownik"),
    ("en", "customer_complaint", {"customer": "CU-100"}, "customer complaint from Hansen, burrs on 40 pcs"),
    ("de", "customer_complaint", {"customer": "CU-200"}, "Reklamation Mueller Hydraulik GmbH, falsches Teil"),
    ("es", "customer_complaint", {"customer": "CU-100"}, "queja de Hansen por piezas equivocadas recibidas"),
    ("pt", "customer_complaint", {"customer": "CU-100"}, "reclamação de cliente Hansen peças erradas recebidas"),
    ("pl", "customer_complaint", {"customer": "CU-100"}, "reklamacja klienta Hansen, zła część u klienta"),
    ("en", "engineering_change", {"item": "HB-250"}, "ECN-2231 new rev for HB-250 from Monday"),
    ("de", "engineering_change", {"item": "HB-250"}, "Änderungsmitteilung: neue Zeichnung für HB-250"),
    ("es", "engineering_change", {"item": "HB-250"}, "cambio de ingeniería ECO-552 para HB-250"),
    ("pt", "engineering_change", {"item": "HB-250"}, "alteração de engenharia ECN 2231 HB-250"),
    ("pl", "engineering_change", {"item": "HB-250"}, "nowa rewizja HB-250"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "type_code", "links", "text"), CLEAR, ids=[row[3][:40] for row in CLEAR]
)
def test_clear_message_opens_by_itself(
    language: str, type_code: str, links: dict[str, str], text: str
) -> None:
    reading = read(text)
    assert (reading.type_code, reading.language, reading.intent) == (type_code, language, "report")
    assert links.items() <= reading.links.items()
    assert (reading.needs_triage, reading.triage_reasons) == (False, ())
    assert reading.confidence >= 0.8
    assert reading.unconfirmed is (type_code == "safety_stop")


TRIAGE = [
    ("press 4 and 5 down", "machine_downtime", ("two machines named",)),
    ("press 4, 5 and CNC-04 down", "machine_downtime", ("three machines named",)),
    ("old saw down", "machine_downtime", ("old saw could be SAW-1 or SAW-2", "two machines named")),
    ("PRS-99 down", "machine_downtime", ("PRS-99 is not a known machine", "no machine named")),
    ("press 9 down", "machine_downtime", ("press 9 is not a known machine", "no machine named")),
    ("OVN-07 down", "machine_downtime", ("OVN-07 belongs to site LEX",)),
    ("down", "machine_downtime", ("no machine named",)),
    ("prs-o4 down", "machine_downtime", ("prs-o4 is not certain to be PRS-04",)),
    ("press 4 out of tolerance", "quality_hold", ("no lot or order named",)),
    ("no parts, machine down press 4", "material_shortage", ("no item named",)),
    ("press 4", None, ("no type word",)),
    ("PRS-04 not down", None, ("says it is no machine downtime",)),
    ("Presse 4 ist nicht kaputt", None, ("says it is no machine downtime",)),
    (
        "press 4 fixed, press 5 down",
        "machine_downtime",
        ("says both running and stopped", "two machines named"),
    ),
    ("", None, ("empty message",)),
    (" \n\t ", None, ("empty message",)),
]


@pytest.mark.parametrize(("text", "type_code", "reasons"), TRIAGE, ids=[row[0][:40] for row in TRIAGE])
def test_doubt_goes_to_triage_with_its_reasons(
    text: str, type_code: str | None, reasons: tuple[str, ...]
) -> None:
    reading = read(text)
    assert reading.type_code == type_code
    assert reading.needs_triage is True
    assert set(reading.triage_reasons) == set(reasons)


@pytest.mark.parametrize("text", ["👍👍", "can you call me tomorrow?", "is the coffee machine ok?"])
def test_talk_opens_nothing(text: str) -> None:
    reading = read(text)
    assert reading.intent in ("chatter", "repeat")
    assert reading.needs_triage is (reading.intent == "repeat" and bool(reading.triage_reasons))


def test_two_machines_named_are_both_linked_and_need_a_person() -> None:
    reading = read("press 4 and 5 down")
    unit = reading.field("work_unit")
    assert unit is not None
    assert (unit.value, unit.also, unit.candidates) == ("PRS-04", ("PRS-05",), ())
    assert reading.all_links["work_unit"] == ("PRS-04", "PRS-05")
    assert reading.needs_triage is True


def test_a_name_of_two_links_neither() -> None:
    reading = read("old saw down")
    unit = reading.field("work_unit")
    assert unit is not None
    assert (unit.candidates, "work_unit" in reading.links) == (("SAW-1", "SAW-2"), False)


def test_generic_stop_with_a_specific_cause_is_the_cause() -> None:
    reading = read("press 4 down, no operator")
    assert (reading.type_code, reading.reason_code) == ("labour_shortage", "")
    assert read("press 4 down, die damaged").type_code == "tooling"
    assert read("press 4 down, broken sensor").type_code == "machine_downtime"


def test_cue_inside_a_linked_name_is_a_name() -> None:
    reading = read("out of Fire valve at press 4")
    assert (reading.type_code, reading.links["item"]) == ("material_shortage", "FIRE-1")


def test_foreign_word_counts_only_where_its_language_is_spoken() -> None:
    assert read("brand an presse 4").type_code == "safety_stop"
    assert read("brand new die for press 4 has arrived").type_code != "safety_stop"
    assert read("la prensa 4 está down desde las 9").type_code == "machine_downtime"
    assert read("el material está dentro de la prensa 4").type_code is None
