"""That the count after a torture sees what it must see: books as a run leaves them, and each thing wrong with them."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from erp_sync.torture import plant
from erp_sync.torture.audit import Report, audit, expected_on_hand, judge, sequence
from erp_sync.torture.evidence import Trace, stands
from erp_sync.torture.feed import Posted
from erp_sync.torture.load import Draft

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ORDER, PURCHASE = "700001", "800001"
SEAL = {"item": plant.SEAL, "quantity": "3", "work_order": ORDER}
DAY = {"target": "work_order", "number": ORDER, "old": plant.PLANNED_END, "new": "2035-02-01"}
LINE = {"target": "po_line", "number": PURCHASE, "old": plant.PLANNED_END, "new": "2035-02-02"}
BAD = {"characteristic": plant.BORE, "verdict": "rejected"}
CODES = {code: number for number, code in enumerate((plant.RACK, plant.SHELF, plant.CAGE, "TOR-STO"), 1)}

Row = dict[str, Any]


def key(seq: int) -> str:
    """A key as postings have them: sixteen characters, no digit below 2."""
    return f"KEY{chr(65 + seq // 26)}{chr(65 + seq % 26)}".ljust(16, "X")


def draft(seq: int, kind: str = "cost", chain: str = ORDER, **payload: Any) -> Draft:
    return Draft(seq, kind, key(seq), (seq,), chain, payload)


def back(seq: int, reverses: int, chain: str = ORDER) -> Draft:
    return Draft(seq, "reversal", "", (), chain, {}, reverses, ("click", "click"))


DRAFTS = [
    draft(0, "movement.block", **SEAL, from_location=plant.RACK),
    draft(1, "movement.issue", **SEAL, from_location=plant.SHELF),
    draft(2, "cost", amount="12.50", cost_class="scrap"),
    back(3, 0),
    draft(4, "inspection_result", **BAD),
    draft(5, "inspection_result", **BAD),
    draft(6, "quality_event", action="open"),
    back(7, 2),
    draft(8, "change.date", **DAY),
    back(9, 4),
    back(10, 6),
    draft(11, "change.date", PURCHASE, **LINE),
    back(12, 8),
    back(13, 11, PURCHASE),
    draft(14, "movement.receipt", PURCHASE, item=plant.SEAL, quantity="4", to_location=plant.SHELF),
    back(15, 14, PURCHASE),
]
KEYS = {one.seq: {key(one.seq)} for one in DRAFTS if one.reverses is not None}


class Shelves:
    """An ERP's tables in memory, read as the audit reads them; every second one thing was done."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.stock = {
            (item, code): (amount if amount else 0)
            for (item, code), amount in expected_on_hand(DRAFTS).items()
        }

    def put(self, model: str, seq: float, *, until: float | None = None, **values: Any) -> Row:
        row = {
            "id": sum(map(len, self.rows.values())) + 1,
            "create_date": NOW + timedelta(seconds=seq),
            "write_date": NOW + timedelta(seconds=seq + 0.5 if until is None else until),
            **values,
        }
        self.rows.setdefault(model, []).append(row)
        return row

    def search(
        self, model: str, domain: list[Any], fields: list[str], *, context: dict[str, Any] | None = None
    ) -> list[Row]:
        if model == "product.product":
            assert context is not None
            code = next(code for code, number in CODES.items() if [number] == context["locations"])
            return [{"quantity": self.stock.get((domain[0][2], code), 0)}]
        return [row for row in self.rows.get(model, []) if all(self._fits(row, *one) for one in domain)]

    def pages(self, model: str, domain: list[Any], fields: list[str], *, size: int) -> Iterator[list[Row]]:
        yield self.search(model, domain, fields)

    @staticmethod
    def _fits(row: Row, name: str, how: str, what: Any) -> bool:
        found: Any = row
        for part in name.split("."):
            found = found.get(part, found.get(f"{part}."))
        match how:
            case "=":
                return bool(found == what)
            case "!=":
                return bool(found != what)
            case "in":
                return found in what
        assert (how, what) == ("like", "production,%")
        return str(found).startswith("production,")


@pytest.fixture
def erp() -> Shelves:
    """What DRAFTS leave when all of them took effect once."""
    books = Shelves()
    for code, number in CODES.items():
        books.rows.setdefault("stock.location", []).append({"id": number, "code": code})
    moved, entry = "stock.shipment.internal", "account.move"
    books.put(moved, 0, reference=key(0), state="done")
    order = books.put(
        "production", -9, reference=ORDER, state="running", planned_date=date.fromisoformat(plant.PLANNED_END)
    )
    books.put("ir.note", 1, message=f"{key(1)} issue", resource=f"production,{order['id']}", until=1)
    books.put("stock.move", 1.1, production_input=order["id"], quantity=3.0, state="done",
              **{"product.": {"code": plant.SEAL}})  # fmt: skip
    books.put("stock.move", -8, production_input=order["id"], quantity=50.0, state="done",
              **{"product.": {"code": plant.ROD}})  # fmt: skip
    for seq, sign in ((2, 1), (7, -1)):
        books.put(entry, seq, description=f"{key(seq)} torture", state="posted")
        for code, way in (("6920", sign), ("6999", -sign)):
            books.put("account.move.line", seq, debit=Decimal("12.50") * (way > 0),
                      credit=Decimal("12.50") * (way < 0), **{"account.": {"code": code}},
                      **{"move.": {"state": "posted"}})  # fmt: skip
    books.put(moved, 3, reference=key(3), state="done")
    for seq, state, until in ((4, "pending", 9.2), (5, "failed", 5.5), (6, "failed", 6.5)):
        alert = books.put("quality.alert", seq + 0.1, state="open")
        books.put(
            "quality.inspection", seq, reference=key(seq), state=state, alerts=[alert["id"]], until=until
        )
    alert |= {"state": "resolved", "write_date": NOW + timedelta(seconds=10)}
    for seq in (11, 13):
        books.put("purchase.amendment", seq, description=f"{key(seq)} torture", state="validated")
    line = books.put("purchase.line", -9, **{"purchase.": {"reference": PURCHASE}})  # type: ignore[arg-type]
    books.put("stock.move", 14, origin=f"purchase.line,{line['id']}", state="draft", production_input=None,
              planned_date=date.fromisoformat(plant.PLANNED_END))  # fmt: skip
    books.put("stock.shipment.in", 14, reference=key(14), state="done")
    books.put("stock.shipment.in.return", 15, reference=key(15), state="done")
    return books


def count(
    erp: Shelves, *, keys: dict[int, set[str]] = KEYS, witnessed: frozenset[int] = frozenset({4, 8})
) -> Report:
    return audit(erp, DRAFTS, Posted(dict(keys), set(witnessed)))  # type: ignore[arg-type]


def row_of(erp: Shelves, model: str, seq: int) -> Row:
    return next(
        row for row in erp.rows[model] if key(seq) in (row.get("reference"), row.get("description", "")[:16])
    )


def test_books_in_which_everything_took_effect_once_are_clean(erp: Shelves) -> None:
    report = count(erp)

    assert report.details == []
    assert report.clean
    assert report.documents == len(DRAFTS)


def again(model: str, seq: int) -> Callable[[Shelves], None]:
    """The document of a posting a second time, by its own key."""
    return lambda erp: erp.rows[model].append({**row_of(erp, model, seq), "id": 999})


def changed(model: str, seq: int, **values: Any) -> Callable[[Shelves], None]:
    return lambda erp: row_of(erp, model, seq).update(values)


def one_more_input(erp: Shelves) -> None:
    erp.rows["stock.move"].append({**erp.rows["stock.move"][0], "id": 999})


def one_alert_more(erp: Shelves) -> None:
    alert = erp.put("quality.alert", 6.2, state="resolved")
    row_of(erp, "quality.inspection", 6)["alerts"].append(alert["id"])


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(again("stock.shipment.internal", 0), id="movement"),
        pytest.param(again("stock.shipment.internal", 3), id="swapped shipment"),
        pytest.param(again("account.move", 7), id="opposite entry"),
        pytest.param(again("purchase.amendment", 13), id="date changed back"),
        pytest.param(again("stock.shipment.in.return", 15), id="return of a receipt"),
        pytest.param(one_more_input, id="issue"),
        pytest.param(again("quality.inspection", 5), id="result"),
        pytest.param(one_alert_more, id="finding"),
    ],
)
def test_what_is_there_twice_is_counted_as_doubled(erp: Shelves, wrong: Callable[[Shelves], None]) -> None:
    wrong(erp)

    report = count(erp)

    assert (report.doubled, report.missing, report.clean) == (1, 0, False)
    assert report.details[0].endswith("2 times there")


@pytest.mark.parametrize("seq", [3, 9])
def test_two_reversals_of_one_posting_are_one_too_many_whatever_they_left(erp: Shelves, seq: int) -> None:
    second = key(25)
    if seq == 3:
        erp.put("stock.shipment.internal", 3.5, reference=second, state="done")

    report = count(erp, keys=KEYS | {seq: {key(seq), second}})

    assert (report.doubled, report.missing, report.unexpected) == (1, 0, 0)


def test_a_reversal_that_its_asker_was_never_told_of_is_not_expected(erp: Shelves) -> None:
    erp.put("stock.shipment.internal", 3.5, reference=key(25), state="done")
    erp.put("quality.inspection", 5, reference=key(24), state="passed", alerts=[])

    report = count(erp)

    assert (report.unexpected, report.documents, report.clean) == (2, len(DRAFTS), False)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(
            changed("stock.shipment.internal", 3, state="assigned"), id="swapped shipment half done"
        ),
        pytest.param(
            changed("stock.shipment.internal", 3, state="cancelled"), id="swapped shipment cancelled"
        ),
        pytest.param(changed("account.move", 7, state="draft"), id="opposite entry a draft"),
        pytest.param(changed("quality.inspection", 4, state="failed"), id="result not opened again"),
        pytest.param(changed("quality.inspection", 5, state="pending"), id="result never judged"),
        pytest.param(lambda erp: erp.rows["quality.alert"][2].update(state="open"), id="alert not resolved"),
        pytest.param(
            lambda erp: erp.rows["production"][0].update(planned_date=date(2035, 2, 1)), id="date stays"
        ),
        pytest.param(
            lambda erp: erp.rows["stock.move"][0].update(state="draft"), id="component not reserved"
        ),
        # An order that runs has booked its components out, so this one was left behind.
        pytest.param(
            lambda erp: erp.rows["stock.move"][0].update(state="assigned"), id="component left behind"
        ),
    ],
)
def test_what_is_not_there_or_half_done_is_missing(erp: Shelves, wrong: Callable[[Shelves], None]) -> None:
    wrong(erp)

    report = count(erp)

    assert (report.missing, report.doubled, report.documents) == (1, 0, len(DRAFTS) - 1)


def test_an_original_without_a_trace_counts_only_when_it_was_seen(erp: Shelves) -> None:
    report = count(erp, witnessed=frozenset({8}))

    assert (report.missing, report.documents) == (1, len(DRAFTS) - 1)
    assert count(erp, keys={}).missing == 4  # what carries a reversal's key is told by it alone


def test_a_reversal_that_began_before_its_original_had_ended_is_out_of_order(erp: Shelves) -> None:
    row_of(erp, "stock.shipment.internal", 0)["write_date"] = NOW + timedelta(seconds=3.2)

    report = count(erp)

    # The issue and the cost between them, too.
    assert (report.out_of_order, report.missing, report.doubled) == (3, 0, 0)


def test_a_purchase_date_other_than_the_last_change_left_is_out_of_order(erp: Shelves) -> None:
    erp.rows["stock.move"][-1]["planned_date"] = date(2035, 2, 2)

    assert count(erp).out_of_order == 1


def test_quantities_and_sums_must_be_what_postings_and_reversals_leave(erp: Shelves) -> None:
    erp.stock[plant.SEAL, plant.CAGE] += 3
    erp.rows["account.move.line"][-2]["credit"] = Decimal("12.49")

    report = count(erp)

    assert (report.quantities_off, report.missing, report.clean) == (2, 0, False)
    assert report.details == [
        f"3 {plant.SEAL} in {plant.CAGE}, 0 expected", "0.01 on account 6920, 0.00 expected"
    ]  # fmt: skip


def test_goods_only_reserved_still_lie_there_and_their_order_has_used_nothing(erp: Shelves) -> None:
    erp.rows["stock.move"][0]["state"] = erp.rows["production"][0]["state"] = "assigned"
    erp.stock[plant.SEAL, plant.SHELF] += 3
    erp.stock[plant.ROD, plant.RACK] += plant.ORDER_QUANTITY

    assert count(erp).details == []


def test_before_a_reversal_the_erp_is_asked_whether_the_original_stands(erp: Shelves) -> None:
    dated, judged = DRAFTS[8], DRAFTS[5]

    assert (stands(erp, dated), stands(erp, judged)) == (False, True)  # type: ignore[arg-type]
    erp.rows["production"][0]["planned_date"] = date(2035, 2, 1)
    row_of(erp, "quality.inspection", 5)["state"] = "pending"
    assert (stands(erp, dated), stands(erp, judged)) == (True, False)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        stands(erp, DRAFTS[0])  # type: ignore[arg-type]


def trace(final: int, alive: int, start: float, end: float) -> Trace:
    return Trace(final, alive, NOW + timedelta(seconds=start), NOW + timedelta(seconds=end))


def test_the_audit_counts_what_is_missing_and_what_is_there_twice() -> None:
    report = Report()
    found = [Trace(), trace(0, 1, 0, 1), trace(1, 1, 0, 1), trace(2, 2, 0, 1), trace(1, 3, 0, 1)]
    for number, one in enumerate(found):
        judge(draft(number), one, {key(number)}, report)

    assert (report.documents, report.missing, report.doubled) == (4, 2, 3)
    assert not report.clean
    assert len(report.details) == 4


def test_the_audit_sees_a_posting_that_began_before_the_one_ahead_of_it_had_ended() -> None:
    drafts = [draft(0), draft(1), draft(2), draft(3), draft(4, chain="700002"), draft(5, chain="")]
    spans = [(0, 5), (6, 7), (6.5, 9), (1, 2), (0, 1), (0, 1)]
    report = Report()

    sequence(drafts, {one.seq: trace(1, 1, *span) for one, span in zip(drafts, spans, strict=True)}, report)

    assert report.out_of_order == 2
    assert [line.split()[2] for line in report.details] == ["2", "3"]


def test_what_should_be_on_hand_follows_every_movement_and_every_reversal() -> None:
    move = {"item": plant.SEAL, "quantity": "3"}
    drafts = [
        draft(0, "movement.block", **move, from_location=plant.RACK),
        draft(1, "movement.scrap", item=plant.SEAL, quantity="1", from_status="blocked"),
        draft(2, "movement.unblock", item=plant.SEAL, quantity="2", to_location=plant.SHELF),
        draft(3, "movement.receipt", **move, to_location=plant.SHELF),
        draft(4, "confirmation", work_order=ORDER, final=True),
        draft(5, "confirmation", work_order=ORDER),
        draft(
            6, "movement.issue", item=plant.SEAL, quantity="9", work_order="700002", from_location=plant.RACK
        ),
        back(7, 1),
        back(8, 3),
    ]

    assert expected_on_hand(drafts) == {
        (plant.SEAL, plant.RACK): plant.OPENING - 3 - 9,
        (plant.SEAL, plant.CAGE): 1,
        (plant.SEAL, plant.SHELF): plant.OPENING + 2,
        (plant.ROD, plant.RACK): plant.OPENING - 2 * plant.ORDER_QUANTITY,
        (plant.CYLINDER, f"{plant.SITE}-STO"): plant.ORDER_QUANTITY,
    }
    assert expected_on_hand(drafts, reserved={6})[plant.SEAL, plant.RACK] == plant.OPENING - 3
