"""Rules in files: nothing is lost on a round trip, nothing calculates, and a bad row keeps the whole file out."""

import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from core.errors import InvalidInput, StaleVersion
from plant_app.models import User
from routing_app import services
from routing_app.clocks import Step
from routing_app.models import Ladder, Rule, RuleImport, RuleVersion
from routing_app.ruleset import ConditionSpec, FunctionSpec, LadderSpec, RulesetSpec, RuleSpec
from routing_app.selectors import draft_spec
from routing_app.sheets import guarded, read_csv, read_xlsx, unguarded, write_csv, write_xlsx
from routing_app.soundness import Fault
from routing_app.tables import COLUMNS, read_tables, tables_of

TEXT = (
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
    .map(str.strip)
    .filter(bool)
)
FUNCTIONS = ("production", "maintenance", "quality")
RULE = st.builds(
    RuleSpec,
    number=st.just(1),
    code=st.just("one"),
    name=TEXT,
    kind=st.just("route"),
    enabled=st.booleans(),
    conditions=st.lists(
        st.builds(
            ConditionSpec,
            fact=st.sampled_from(["item", "reason", "kind"]),
            operator=st.just("is"),
            value=st.text(min_size=1, max_size=20).filter(lambda text: text.strip(",; \n\t").strip() != ""),
        ),
        max_size=3,
    ).map(tuple),
    functions=st.lists(
        st.builds(
            FunctionSpec,
            function=st.sampled_from(FUNCTIONS),
            role=st.sampled_from(["technician", "buyer"]),
            need=st.sampled_from(["required", "informed"]),
            place=st.sampled_from(["here", "other_site"]),
        ),
        max_size=3,
        unique_by=lambda one: (one.function, one.role, one.place),
    ).map(tuple),
    owner_function=st.sampled_from(FUNCTIONS),
    owner_role=st.just("technician"),
    owner_place=st.sampled_from(["here", "other_site"]),
    owner_skill=TEXT,
    urgency_floor=st.sampled_from(["", "normal"]),
    urgency_cap=st.sampled_from(["", "high"]),
    ladder=st.sampled_from(["", "MNT"]),
    start_level=st.none() | st.integers(1, 9),
    early_level=st.none() | st.integers(0, 9),
    early_factor=st.decimals(0, 99, places=1).map(lambda one: one.normalize()),
    acknowledge=st.none() | st.integers(0, 9999),
    acknowledge_factor=st.none() | st.decimals(1, 9, places=2).map(lambda one: one.normalize()),
    to_triage=st.booleans(),
    lead_follows=st.booleans(),
    mark=st.sampled_from(["", "parent"]),
    note=st.just("") | TEXT,
)  # fmt: skip
STEPS = (
    Step(1, ("technician", "buyer"), Decimal("1.5"), None, 2, 5),
    Step(2, ("buyer",), None, 0, channel="phone"),
)
LADDERS = (LadderSpec("MNT", "=Maintenance", STEPS),)


@settings(max_examples=60, deadline=None)
@given(rule=RULE, kind=st.sampled_from(["csv", "xlsx"]))
def test_any_rule_comes_back_as_it_went(rule: RuleSpec, kind: str) -> None:
    spec = RulesetSpec((rule,), LADDERS, {}, {"high": 20})
    tables = tables_of(spec)

    if kind == "csv":
        back = {"rules": read_csv(write_csv(tables["rules"]))}
    else:
        back, faults = read_xlsx(write_xlsx(tables), tuple(COLUMNS))
        assert faults == []
    reading = read_tables(back, functions=FUNCTIONS, ladders=("MNT",))

    assert reading.faults == []
    assert reading.rules == (rule,)
    if kind == "xlsx":
        assert (reading.ladders, reading.others) == (LADDERS, {"high": 20})


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''", " =1", "plain", "", "'tis", "＝1"]
)  # fmt: skip
def test_a_guarded_cell_is_no_formula_and_comes_back(text: str) -> None:
    assert guarded(text).lstrip(" ")[:1] not in {"=", "+", "-", "@", "\t", "＝"}
    assert unguarded(guarded(text)) == text


def test_no_cell_of_a_workbook_is_a_formula(published: RuleVersion) -> None:
    Rule.objects.filter(code="tooling").update(name='=HYPERLINK("http://bad","x")', note="@SUM(1)")

    data = services.export_file(spec=draft_spec(), kind="xlsx")

    book = load_workbook(io.BytesIO(data))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert '\'=HYPERLINK("http://bad","x")' in {cell.value for cell in cells}
    assert services.read_file(name="r.xlsx", data=data).as_dict() == draft_spec().as_dict()


@pytest.mark.parametrize("kind", services.FORMATS)
def test_the_shipped_rules_come_back_whole(published: RuleVersion, kind: str) -> None:
    before = draft_spec().as_dict()
    data = services.export_file(spec=draft_spec(), kind=kind)
    Rule.objects.filter(code__in=["tooling", "downtime"]).delete()
    assert draft_spec().as_dict() != before

    done = services.prepare_import(name=f"rules.{kind}", data=data, actor=None)
    assert draft_spec().as_dict() != before
    services.apply_import(pk=done.pk, actor=None)

    assert draft_spec().as_dict() == before
    assert RuleVersion.objects.count() == 1


def _changed(spec: RulesetSpec, **cells: str) -> bytes:
    """The rules as CSV with the cells of the row `tooling` replaced."""
    table = tables_of(spec)["rules"]
    row = next(line for line in table if line[0] == "tooling")
    for column, text in cells.items():
        row[table[0].index(column)] = text
    return write_csv(table)


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ({"kind": "rout"}, "import.choice", "kind"),
        ({"conditions": "type is"}, "import.condition", "conditions"),
        ({"conditions": "colour is red"}, "import.condition", "conditions"),
        ({"conditions": 'type is "tool'}, "import.condition", "conditions"),
        ({"owner_function": "witchcraft"}, "import.function_unknown", "owner_function"),
        ({"owner_role": ""}, "import.owner_missing", "owner_function"),
        ({"functions": "quality inspector perhaps"}, "import.choice", "functions"),
        ({"functions": "quality"}, "import.functions", "functions"),
        ({"acknowledge": "soon"}, "import.number", "acknowledge"),
        ({"acknowledge_factor": "0.125"}, "import.number", "acknowledge_factor"),
        ({"enabled": "perhaps"}, "import.value", "enabled"),
        ({"ladder": "XYZ"}, "import.ladder_unknown", "ladder"),
        ({"code": "no blanks"}, "import.code", "code"),
        ({"urgency_floor": "high", "urgency_cap": "low"}, "import.bounds", "urgency_floor"),
    ],
)
def test_a_bad_cell_is_named_and_keeps_the_whole_file_out(
    published: RuleVersion, cells: dict[str, str], code: str, column: str
) -> None:
    before = draft_spec().as_dict()
    table = tables_of(draft_spec())["rules"]
    number = next(place for place, line in enumerate(table, start=1) if line[0] == "tooling")

    with pytest.raises(services.FileFaults) as refused:
        services.prepare_import(name="rules.csv", data=_changed(draft_spec(), **cells), actor=None)

    assert [(one.code, one.column, one.row) for one in refused.value.faults] == [(code, column, number)]
    assert draft_spec().as_dict() == before
    assert RuleImport.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("rules.pdf", b"x", "import.format"),
        ("rules.xlsx", b"no workbook", "import.unreadable"),
        ("rules.csv", b"  ", "import.empty"),
        ("rules.json", b"[1]", "import.unreadable"),
        ("rules.json", b'{"format": 1, "rules": [{"code": "x"}]}', "import.unreadable"),
        ("rules.csv", b"a" * 5_000_001, "import.too_large"),
        ("rules.csv", b"code,name,kind,colour\nx,X,route,red\n", "import.faults"),
        ("rules.csv", b"code,name\nx,X\n", "import.faults"),
        ("rules.csv", b"code,name,kind\n", "import.faults"),
    ],
)
def test_what_is_no_rule_file_is_refused_by_code(
    published: RuleVersion, name: str, data: bytes, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.read_file(name=name, data=data)

    assert refused.value.code == code


def test_a_formula_in_a_workbook_is_a_fault(published: RuleVersion) -> None:
    book = load_workbook(io.BytesIO(services.export_file(spec=draft_spec(), kind="xlsx")))
    book["rules"]["B3"] = "=1+1"
    out = io.BytesIO()
    book.save(out)

    with pytest.raises(services.FileFaults) as refused:
        services.read_file(name="rules.xlsx", data=out.getvalue())

    assert [(one.code, one.row) for one in refused.value.faults] == [("import.formula", 3)]


def test_a_file_from_another_spreadsheet_is_read(published: RuleVersion) -> None:
    """Semicolons, an older encoding, columns left out."""
    head = "code;name;kind;owner_function;owner_role;conditions"
    line = "giessen;Gießen fällt aus;route;maintenance;technician;area is FND"
    data = f"{head}\n{line}\n".encode("cp1252")

    spec = services.read_file(name="RULES.CSV", data=data, mode="merge")

    assert len(spec.rules) == len(draft_spec().rules) + 1
    new = spec.rules[-2]
    assert (new.code, new.name, new.enabled, new.owner_place) == ("giessen", "Gießen fällt aus", True, "here")
    assert spec.rules[-1].is_catch_all


def test_merging_changes_only_what_the_file_names(published: RuleVersion) -> None:
    before = {rule.code: rule for rule in draft_spec().rules}
    data = b"code,name,kind,owner_function,owner_role\ntooling,Tools,route,maintenance,maintenance_lead\n"

    done = services.prepare_import(name="some.csv", data=data, actor=None, mode="merge")
    services.apply_import(pk=done.pk, actor=None)

    after = {rule.code: rule for rule in draft_spec().rules}
    assert list(after) == list(before)
    assert {code for code in after if after[code] != before[code]} == {"tooling"}
    assert after["tooling"].owner_role == "maintenance_lead"


def test_an_edit_after_the_preview_keeps_the_import_out(published: RuleVersion, administrator: User) -> None:
    data = _changed(draft_spec(), name="Other")
    done = services.prepare_import(name="rules.csv", data=data, actor=administrator)
    Rule.objects.filter(code="downtime").update(owner_role="maintenance_lead")

    with pytest.raises(StaleVersion) as refused:
        services.apply_import(pk=done.pk, actor=administrator)

    assert refused.value.code == "import.draft_moved"
    assert Rule.objects.get(code="tooling").name != "Other"
    assert Rule.objects.get(code="downtime").owner_role == "maintenance_lead"


def test_who_imported_is_kept_and_twice_is_once(published: RuleVersion, administrator: User) -> None:
    done = services.prepare_import(
        name="r.csv", data=_changed(draft_spec(), name="Other"), actor=administrator
    )
    services.apply_import(pk=done.pk, actor=administrator)
    Rule.objects.filter(code="tooling").update(name="Edited since")
    services.apply_import(pk=done.pk, actor=administrator)

    assert Rule.objects.get(code="tooling").name == "Edited since"
    event = Rule.pgh_event_model.objects.filter(code="tooling", name="Other").get()  # type: ignore[attr-defined]
    assert event.pgh_context.metadata == {"user": administrator.pk, "source": "imported r.csv"}


def test_a_ladder_in_use_can_not_be_left_out(published: RuleVersion) -> None:
    tables: dict[str, Any] = tables_of(draft_spec())
    tables = {"ladders": [line for line in tables["ladders"] if line[0] != "MNT"]}

    with pytest.raises(services.FileFaults) as refused:
        services.read_file(name="r.xlsx", data=write_xlsx(tables))

    assert {one.code for one in refused.value.faults} == {"import.ladder_used"}
    assert Ladder.objects.filter(code="MNT").exists()


def test_a_fault_reads_as_a_line() -> None:
    fault = Fault("import.number", "“x” is not a number.", "acknowledge", 4)

    assert str(fault) == "[import.number] rules, row 4: acknowledge: “x” is not a number."
