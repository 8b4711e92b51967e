"""Defaults and addresses in the admin: ticks instead of JSON, a secret typed in once."""

import pytest
from django.test import Client

from notify_app.models import Address, FunctionDefault
from plant_app.models import Function, User

pytestmark = pytest.mark.django_db

NUMBER = "twilio://AC" + "1" * 32 + ":" + "2" * 32 + "@15551231234/15551234567"


def test_an_administrator_sets_a_functions_default_and_enters_an_address(client: Client) -> None:
    chief = User.objects.create_superuser("chief", password="x")
    client.force_login(chief)
    care = Function.objects.create(code="care", name="Care", short="CA")
    page = "/admin/notify_app/functiondefault/add/"
    assert client.get(page).status_code == 200
    order = {"order_0": "email", "order_1": "push", "order_2": "chat", "order_3": "phone"}
    given = {"function": care.pk, "high": ["email"], "override": "high", "most": 5, **order}
    assert "needs a channel beside the portal" in client.post(page, given).content.decode()
    assert client.post(page, {**given, "critical": ["phone", "email"]}).status_code == 302
    row = FunctionDefault.objects.get()
    assert (row.function, row.channels["critical"], row.order[0]) == (care, ["phone", "email"], "email")
    assert client.get(f"/admin/notify_app/functiondefault/{row.pk}/change/").status_code == 200
    assert "Text message, E-mail" in client.get("/admin/notify_app/functiondefault/").content.decode()
    page = "/admin/notify_app/address/add/"
    assert client.get(page).status_code == 200
    wrong = client.post(page, {"user": chief.pk, "url": "nonsense://x", "least": "high"})
    assert "no address of a service known here" in wrong.content.decode()
    assert client.post(page, {"user": chief.pk, "url": NUMBER, "least": "high"}).status_code == 302
    kept = Address.objects.get()
    assert (kept.user, kept.channel, kept.secret) == (chief, "phone", NUMBER)
