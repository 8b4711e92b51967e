"""`seed_demo` and `export_plant`: what they write, and that a second run writes nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

from django.core.management import call_command

from core import clock
from plant_app import models
from plant_app.services import token_for


def test_seed_demo_writes_plant_logins_and_master_data_once(db: None, tmp_path: Path) -> None:
    logins, plant = tmp_path / "logins.json", tmp_path / "plant.json"
    call_command("seed_demo", credentials=logins, plant_json=plant, verbosity=0)
    written = json.loads(logins.read_text(encoding="utf-8"))
    roles = [row["role"] for row in written]
    assert {"planner", "administrator", "operator", "leader", "integrator", "responder"} == set(roles)
    assert written[0]["username"] == "ingrid.vogel"
    assert {row["function"] for row in written if row["role"] == "responder"} == {
        "production", "maintenance", "quality", "logistics", "procurement", "customer_service", "engineering", "safety",
    }  # fmt: skip
    for row in written:
        token = token_for(row["api_token"])
        assert token is not None
        assert token.user.username == row["username"]
        assert token.user.check_password(row["password"])
    assert logins.stat().st_mode & 0o077 == 0

    before = logins.read_text(encoding="utf-8")
    counts = (models.ApiToken.objects.count(), models.User.objects.count(), models.WorkOrder.objects.count())
    call_command("seed_demo", credentials=logins, verbosity=0)
    assert logins.read_text(encoding="utf-8") == before
    assert counts == (
        models.ApiToken.objects.count(), models.User.objects.count(), models.WorkOrder.objects.count(),
    )  # fmt: skip


def test_lost_login_file_ends_the_old_tokens(db: None, tmp_path: Path) -> None:
    logins = tmp_path / "logins.json"
    call_command("seed_demo", credentials=logins, verbosity=0)
    old = json.loads(logins.read_text(encoding="utf-8"))[0]
    logins.unlink()
    call_command("seed_demo", credentials=logins, verbosity=0)
    new = json.loads(logins.read_text(encoding="utf-8"))[0]
    assert token_for(old["api_token"]) is None
    assert token_for(new["api_token"]) is not None


def test_export_names_everything_by_code(db: None, tmp_path: Path) -> None:
    with clock.travel(datetime(2026, 11, 17, 9, 42, tzinfo=UTC)):
        call_command("seed_demo", verbosity=0)
    file = tmp_path / "plant.json"
    call_command("export_plant", str(file), verbosity=0)
    plant = json.loads(file.read_text(encoding="utf-8"))
    assert plant["company"] == {"name": "Kolbe Hydraulics", "currency": "EUR"}
    items = {row["code"] for row in plant["items"]}
    centres = {row["code"] for row in plant["work_centres"]}
    lots = {(row["code"], row["item"]) for row in plant["lots"]}
    places = {row["code"] for row in plant["locations"]}
    for bom in plant["boms"]:
        assert {bom["item"], *(line["item"] for line in bom["components"])} <= items
    for routing in plant["routings"]:
        assert routing["item"] in items
        assert {step["work_centre"] for step in routing["operations"]} <= centres
        assert [step["number"] for step in routing["operations"]] == sorted(
            step["number"] for step in routing["operations"]
        )
    for row in plant["stock"]:
        assert row["item"] in items
        assert row["location"] in places
        assert row["lot"] is None or (row["lot"], row["item"]) in lots
    order = next(row for row in plant["work_orders"] if row["number"] == "WO-118204")
    assert (order["item"], order["quantity"], order["site"]) == ("VB-220", "48", "RHF")
    assert [step["number"] for step in order["operations"]] == [10, 20, 30, 40, 50]
    assert order["planned_start"].endswith("+01:00")
    sale = next(row for row in plant["sales_orders"] if row["number"] == "40017733")
    assert sale["lines"][0] | {"requested_date": ""} == {
        "line": 10, "item": "VB-220", "quantity": "48", "unit_price": "640",
        "requested_date": "", "commit_date": "2026-11-18T11:42+01:00",
    }  # fmt: skip
    assert len(plant["purchase_orders"]) > 20
