"""Every plant page of the admin opens, lists without a query per row, and keeps its promises about secrets."""

import json
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from plant_app import models, services
from tests.plant_fixtures import KolbeMini

PAGES = sorted(
    (model for model in admin.site._registry if model._meta.app_label == "plant_app"),
    key=lambda model: model.__name__,
)


@pytest.fixture
def boss(client: Client, kolbe_mini: KolbeMini) -> Client:
    user = kolbe_mini.people["sofia.brandt"]
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    return client


def address(model: type, page: str, *args: Any) -> str:
    return reverse(f"admin:plant_app_{model._meta.model_name}_{page}", args=args)  # type: ignore[attr-defined]


def test_lists_open_with_a_bounded_number_of_queries(boss: Client, kolbe_mini: KolbeMini) -> None:
    for model in PAGES:
        with CaptureQueriesContext(connection) as queries:
            response = boss.get(address(model, "changelist"))
        assert response.status_code == 200, model
        assert len(queries) <= 30, model
        if admin.site._registry[model].search_fields:
            assert boss.get(address(model, "changelist"), {"q": "x"}).status_code == 200, model


def test_single_pages_open(boss: Client, kolbe_mini: KolbeMini) -> None:
    services.issue_badge(person=kolbe_mini.people["piotr.nowak"], code="1")
    for model in PAGES:
        row = model._default_manager.first()
        if row is not None:
            assert boss.get(address(model, "change", row.pk)).status_code == 200, model
        page = boss.get(address(model, "add"))
        may_add = admin.site._registry[model].has_add_permission(page.wsgi_request)
        assert page.status_code == (200 if may_add else 403), model


def test_every_model_people_keep_has_a_page(kolbe_mini: KolbeMini) -> None:
    inside_others = {
        models.BomLine, models.ItemAlternate, models.TypeFunction, models.OperationAlternate, models.MaterialNeed,
        models.DeliveryLine, models.UnitCode, models.TeamRotation,
    }  # fmt: skip
    technical = {models.MasterChange}
    known = {getattr(models, name) for name in models.__all__}
    rows = {model for model in known if hasattr(model, "_meta") and not model._meta.abstract}
    assert rows - inside_others - technical == set(PAGES)


def test_new_token_is_shown_once_and_stored_as_digest(boss: Client, kolbe_mini: KolbeMini) -> None:
    user = kolbe_mini.people["erp.integration"]
    response = boss.post(
        address(models.ApiToken, "add"), {"user": user.pk, "name": "gateway", "expires_at_0": "", "expires_at_1": ""},
        follow=True,
    )  # fmt: skip
    token = models.ApiToken.objects.get(name="gateway")
    said = next(str(message) for message in response.context["messages"] if "xl_" in str(message))
    secret = next(word for word in said.split() if word.startswith("xl_"))
    found = services.token_for(secret)
    assert found == token
    assert secret.encode() not in boss.get(address(models.ApiToken, "changelist")).content
    boss.post(address(models.ApiToken, "changelist"), {"action": "revoke", "_selected_action": [token.pk]})
    assert services.token_for(secret) is None


def test_a_form_nobody_could_fill_in_is_refused(boss: Client, kolbe_mini: KolbeMini) -> None:
    row = kolbe_mini.types["tooling"]
    page = address(models.ExceptionType, "change", row.pk)
    body = {
        "code": row.code, "name": row.name, "icon": row.icon, "default_severity": row.default_severity,
        "owner_function": row.owner_function_id, "triage_role": row.triage_role, "reopen_minutes": 120, "active": "on",
        "position": row.position, "functions-TOTAL_FORMS": 0, "functions-INITIAL_FORMS": 0, "reasons-TOTAL_FORMS": 0,
        "reasons-INITIAL_FORMS": 0,
    }  # fmt: skip
    refused = boss.post(page, body | {"form": json.dumps([{"name": "a", "label": "A", "kind": "magic"}])})
    assert refused.status_code == 200
    assert "unknown kind" in refused.content.decode()
    row.refresh_from_db()
    assert len(row.form) == 7
    accepted = boss.post(page, body | {"form": json.dumps([{"name": "a", "label": "A", "kind": "text"}])})
    assert accepted.status_code == 302
    row.refresh_from_db()
    assert [field["name"] for field in row.form] == ["a"]
