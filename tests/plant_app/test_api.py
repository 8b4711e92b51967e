"""The plant's read API: shapes, scope, filters, pages, budgets of queries, refusals."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from plant_app import models, services
from plant_app.authentication import DEVICE_COOKIE, current_device
from tests import factories as make
from tests.plant_fixtures import KolbeMini

LISTS = (
    "sites", "areas", "work-centres", "work-units", "items", "work-orders", "sales-orders", "purchase-orders",
    "customers", "suppliers", "functions", "people",
)  # fmt: skip
Get = Callable[..., Any]


@pytest.fixture
def get(client: Client, kolbe_mini: KolbeMini) -> Get:
    """GET as a planner of Rheinfelden, by bearer token."""
    _token, secret = services.issue_token(user=kolbe_mini.people["ingrid.vogel"], name="t")

    def ask(path: str, **params: Any) -> Any:
        return client.get(f"/api/v1/{path}", params, headers={"Authorization": f"Bearer {secret}"})

    return ask


def codes(response: Any, key: str = "code") -> list[str]:
    assert response.status_code == 200, response.content
    return [row[key] for row in response.json()["results"]]


def test_sites_are_those_one_may_see(get: Get) -> None:
    assert codes(get("sites/")) == ["RHF"]
    assert codes(get("areas/")) == ["FORM", "MACH"]
    assert "G-CNC-01" not in codes(get("work-units/"))
    assert "WO-200001" not in codes(get("work-orders/"), "number")
    assert "maya.johnson" not in codes(get("people/"), "username")
    assert get("work-orders/WO-200001/").status_code == 404
    assert get("work-units/G-CNC-01/").status_code == 404


def test_work_order_with_its_operations(get: Get, kolbe_mini: KolbeMini) -> None:
    body = get("work-orders/WO-118204/").json()
    assert (body["number"], body["site"], body["item"]["code"], body["quantity"]) == (
        "WO-118204", "RHF", "VB-220", "48.000",
    )  # fmt: skip
    assert body["sales_line"] == "40017733/10"
    finish = next(row for row in body["operations"] if row["number"] == 30)
    assert (finish["status"], finish["good"], finish["actual_unit"]) == ("running", "22.000", "CNC-04")
    assert finish["plan"]["work_unit"] == "CNC-04"
    assert [row["work_unit"] for row in finish["alternates"]] == ["CNC-06"]
    rough = body["operations"][0]
    assert {row["item"] for row in rough["materials"]} == {"CAST-220", "SK-118"}
    assert rough["plan"] is None


def test_values_in_force_stand_beside_erp_s(get: Get, kolbe_mini: KolbeMini) -> None:
    line, order = kolbe_mini.sales_lines["40017733"], kolbe_mini.orders["WO-118204"]
    moved = (kolbe_mini.now + timedelta(days=5)).replace(microsecond=0)
    services.overlay_value(target=line, field="commit_at", value=moved, origin_ref="x:1")
    services.overlay_value(target=order, field="need_by", value=moved, origin_ref="x:1")
    text = moved.isoformat().replace("+00:00", "Z")
    sold = get("sales-orders/40017733/").json()["lines"][0]
    assert sold["commit_at"] == text
    assert sold["commit_at_erp"] != text
    made = next(row for row in get("work-orders/").json()["results"] if row["number"] == "WO-118204")
    assert made["need_by"] == text
    assert made["need_by_erp"] != text


def test_filters(get: Get) -> None:
    assert codes(get("work-units/", work_centre="PRESS")) == ["PRS-03", "PRS-04"]
    assert codes(get("work-units/", state="free")) == ["GRD-01", "PRS-03"]
    assert codes(get("work-units/", q="cnc 04")) == ["CNC-04"]
    assert codes(get("items/", group="seals")) == ["SK-118", "SK-119"]
    assert codes(get("work-orders/", status="released"), "number") == ["WO-118226", "WO-118231"]
    assert codes(get("work-orders/", work_centre="PRESS"), "number") == ["WO-118300"]
    assert codes(get("work-orders/", customer="NOR"), "number") == ["WO-118219"]
    assert codes(get("people/", duty="technician"), "username") == ["jonas.keller"]
    assert get("work-orders/", status="nonsense").json()["code"] == "request.invalid"


def test_people_show_duties_and_nothing_private(get: Get, kolbe_mini: KolbeMini) -> None:
    make.AbsenceFactory(person=kolbe_mini.people["jonas.keller"])
    body = get("people/jonas.keller/").json()
    assert set(body) == {"id", "username", "name", "function", "site", "duties"}
    assert body["duties"] == [
        {
            "duty": "technician",
            "function": "maintenance",
            "site": "RHF",
            "area": None,
            "shift": None,
            "on_call": False,
        }
    ]


def test_pages_are_keyset_and_never_repeat(get: Get) -> None:
    first = get("items/", page_size=4).json()
    assert first["next"]
    cursor = first["next"].split("cursor=")[1].split("&")[0]
    make.ItemFactory(code="AAA-0")  # arrives in front of what was read
    second = get("items/", page_size=4, cursor=cursor.replace("%3D", "=")).json()
    read = [row["code"] for row in first["results"] + second["results"]]
    assert len(read) == len(set(read)) == 8
    assert "AAA-0" not in read


@pytest.mark.parametrize("path", LISTS)
def test_query_count_does_not_grow_with_rows(get: Get, kolbe_mini: KolbeMini, path: str) -> None:
    get(f"{path}/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert get(f"{path}/").status_code == 200
    for number in range(3):
        _more_of_everything(kolbe_mini, number)
    with CaptureQueriesContext(connection) as many:
        assert get(f"{path}/").status_code == 200
    assert len(many) == len(few)
    assert len(few) <= 9


def _more_of_everything(plant: KolbeMini, number: int) -> None:
    area = make.AreaFactory(site=plant.rhf)
    centre = make.WorkCentreFactory(area=area)
    unit = make.WorkUnitFactory(work_centre=centre)
    make.WorkUnitStateFactory(work_unit=unit)
    line = make.SalesOrderLineFactory(order__site=plant.rhf)
    make.PurchaseOrderLineFactory(order__site=plant.rhf)
    order = make.WorkOrderFactory(site=plant.rhf, sales_line=line, parent=plant.orders["WO-118204"])
    operation = make.OperationFactory(work_order=order, work_centre=centre, work_unit=unit)
    make.OperationAlternateFactory(operation=operation)
    make.MaterialNeedFactory(operation=operation)
    make.PlannedOperationFactory(operation=operation, work_unit=unit)
    person = make.UserFactory(home_site=plant.rhf)
    make.DutyAssignmentFactory(person=person, site=plant.rhf, function=plant.functions["quality"])
    make.FunctionFactory(code=f"extra{number}")


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer", "Bearer a b"])
def test_without_a_good_token_the_answer_is_a_401_problem(
    client: Client, db: None, header: str | None
) -> None:
    headers = {"Authorization": header} if header else {}
    response = client.get("/api/v1/sites/", headers=headers)
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["code"].startswith("request.")


def test_session_works_too_and_no_grant_means_no_view(client: Client, kolbe_mini: KolbeMini) -> None:
    client.force_login(kolbe_mini.people["piotr.nowak"])
    assert client.get("/api/v1/sites/").status_code == 200
    client.force_login(make.UserFactory())
    response = client.get("/api/v1/sites/")
    assert response.status_code == 403
    assert response.json()["code"] == "request.permission_denied"


def test_integrators_do_not_read_people(client: Client, kolbe_mini: KolbeMini) -> None:
    client.force_login(kolbe_mini.people["erp.integration"])
    assert client.get("/api/v1/people/").status_code == 403
    assert client.get("/api/v1/work-orders/").status_code == 200


def test_nothing_can_be_written(get: Get, client: Client, kolbe_mini: KolbeMini) -> None:
    client.force_login(kolbe_mini.people["sofia.brandt"])
    for method in (client.post, client.put, client.patch, client.delete):
        assert method("/api/v1/items/VB-220/").status_code == 405
    assert models.Item.objects.filter(code="VB-220").exists()


def test_budget_is_said_and_then_refused(get: Get, settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 2
    first = get("sites/")
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    answers = [get("sites/") for _ask in range(4)]  # a minute may turn in between, but not twice
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0]["Retry-After"] == refused[0]["RateLimit-Reset"]
    assert refused[0].json()["code"] == "request.too_many"


def test_paired_device_is_known_by_its_cookie(rf: Any, kolbe_mini: KolbeMini) -> None:
    device, secret = services.pair_device(site=kolbe_mini.rhf, name="Tablet")
    request = rf.get("/")
    request.COOKIES[DEVICE_COOKIE] = secret
    assert current_device(request) == device
    stranger = rf.get("/")
    stranger.COOKIES[DEVICE_COOKIE] = "nonsense"
    assert current_device(stranger) is None
