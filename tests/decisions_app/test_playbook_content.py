"""What ships: newer content reaches what a site has not edited, is offered where it has; messages and follow-ups."""

import copy
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from core import clock
from core.errors import NotFound
from decisions_app import services as decisions
from decisions_app.models import Option, OptionTask, Playbook
from decisions_app.parts import parts_of_pack
from decisions_app.previewing import preview_of
from decisions_app.selectors import options_for
from decisions_app.services.loading import load_playbooks, offers_of, parts_of, shipped
from decisions_app.wording import message_of
from exceptions_app.models import ExceptionRecord
from plant_app.models import User
from tests.decisions_app.conftest import Report, acknowledge_all
from tests.erp_sync.scripted import Books
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


def newer() -> dict[str, dict[str, Any]]:
    """The shipped content of some later day: a message reworded, a longer estimate, a fourth option."""
    packs = copy.deepcopy(shipped())
    stop = packs["machine_downtime"]
    stop["estimate_minutes"] = 75
    defer = next(option for option in stop["options"] if option["code"] == "defer")
    defer["message"] = "Order {po}/{line}: it ships {commit_at}."
    defer["tasks"] = [task for task in defer["tasks"] if task["code"] != "crew"]
    stop["options"].append({**copy.deepcopy(defer), "code": "outsource", "name": "Have it made outside"})
    return packs


def option(code: str) -> Option:
    return Option.objects.get(playbook__type__code="machine_downtime", code=code)


def test_what_is_loaded_is_what_is_shipped_and_a_second_run_does_nothing(plant: KolbeMini) -> None:
    for playbook in Playbook.objects.select_related("type"):
        assert parts_of(playbook) == parts_of_pack(shipped()[playbook.type.code])
    before = list(Playbook.objects.values_list("pk", "version", "shipped"))
    said = StringIO()
    call_command("playbooks", stdout=said)
    assert said.getvalue() == "nothing to do\n"
    assert list(Playbook.objects.values_list("pk", "version", "shipped")) == before


def test_newer_content_replaces_what_nobody_edited_and_is_a_new_version(plant: KolbeMini) -> None:
    kept = option("defer").pk
    done = load_playbooks(newer())
    assert set(done.renewed) == {
        ("machine_downtime", part) for part in ("head", "option:defer", "option:outsource")
    }
    assert (done.made, done.offered) == ((), ())
    defer, fresh = option("defer"), option("outsource")
    assert (defer.pk, defer.message) == (kept, "Order {po}/{line}: it ships {commit_at}.")
    assert "crew" not in set(defer.tasks.values_list("code", flat=True))
    assert (fresh.active, fresh.tasks.count() > 0, defer.playbook.version) == (True, True, 2)
    assert defer.playbook.estimate_minutes == 75
    again = load_playbooks(newer())
    assert (again.renewed, option("defer").playbook.version) == ((), 2)


def test_a_sites_edits_are_never_overwritten_and_the_newer_is_offered(
    plant: KolbeMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    # an installation of before playbooks remembered what they were loaded with
    Playbook.objects.update(shipped={})
    OptionTask.objects.filter(option=option("defer"), code="dates").update(due_minutes=15)
    Option.objects.filter(pk=option("repair_and_resume").pk).update(active=False)
    load_playbooks()
    assert OptionTask.objects.get(option=option("defer"), code="dates").due_minutes == 15
    packs = newer()
    monkeypatch.setattr("decisions_app.services.loading.shipped", lambda: packs)
    done = load_playbooks()
    assert set(done.renewed) == {("machine_downtime", "head"), ("machine_downtime", "option:outsource")}
    assert done.offered == (("machine_downtime", "option:defer"),)
    defer = option("defer")
    assert OptionTask.objects.get(option=defer, code="dates").due_minutes == 15
    assert defer.message != "Order {po}/{line}: it ships {commit_at}."
    # an option new in the product waits, inactive, where the site has its own ways; one it switched off stays off
    assert (option("outsource").active, option("repair_and_resume").active) == (False, False)
    (offer,) = offers_of(defer.playbook)
    assert (offer.part, offer.name) == ("option:defer", "Option: Defer")
    lines = {name: (mine, theirs) for name, mine, theirs in offer.lines}
    assert lines["message"][1] == "Order {po}/{line}: it ships {commit_at}."
    assert '"due_minutes": 15' in lines["task dates"][0]
    assert lines["task crew"][1] == ""

    # the admin shows it, keeps one's own until something newer comes, or takes it
    User.objects.filter(username="sofia.brandt").update(is_superuser=True, is_staff=True)
    client = Client()
    client.force_login(User.objects.get(username="sofia.brandt"))
    address = f"/admin/decisions_app/playbook/{defer.playbook_id}/"
    assert "Newer shipped content" in client.get(f"{address}change/").content.decode()
    page = client.get(f"{address}offered/").content.decode()
    assert "Option: Defer" in page
    assert client.post(f"{address}offered/", {"part": "option:defer", "do": "leave"}).status_code == 302
    defer.playbook.refresh_from_db()
    assert offers_of(defer.playbook) == []
    assert load_playbooks().offered == ()
    with pytest.raises(NotFound):
        decisions.take_offer(playbook_id=defer.playbook_id, part="option:defer")
    next(one for one in packs["machine_downtime"]["options"] if one["code"] == "defer")["when"] = "Later"
    before = Playbook.objects.get(pk=defer.playbook_id).version
    assert client.post(f"{address}offered/", {"part": "option:defer", "do": "take"}).status_code == 302
    defer = option("defer")
    assert (defer.when, defer.tasks.get(code="dates").due_minutes, defer.playbook.version) == (
        "Later",
        60,
        before + 1,
    )
    assert offers_of(defer.playbook) == []


def test_a_new_date_and_a_part_delivery_are_told_with_their_facts(plant: KolbeMini, report: Report) -> None:
    exception = report(type="material_shortage", item="SK-118", kind="soon", work_order="WO-118226")
    line = exception.sales_line
    assert line is not None
    options = {one.code: one for one in exception.type.playbook.options.all()}
    new, until = line.commit_at + timedelta(days=4), clock.now() + timedelta(days=1)
    words = message_of(
        options["reschedule"], exception, {"commit_at": new.isoformat(), "next_update": until.isoformat()}
    )
    name = f"{line.order.po_number or line.order.number}/{line.line}"
    whole = f"{line.quantity.normalize():f} {line.item.uom}"
    assert words.startswith(f"Order {name}: it ships {new:%a} {new.day} {new:%b %Y} instead of ")
    assert f"quantity {whole} unchanged. Reason: material shortage. Next update " in words
    assert message_of(options["reschedule"], exception, {"next_update": until.isoformat()}) == ""
    part = message_of(
        options["split_quantity"],
        exception,
        {"quantity_now": "40", "quantity_later": "60", "rest_at": new.isoformat()},
    )
    assert part.startswith(f"Order {name}: 40 {line.item.uom} ship ")
    assert f"60 {line.item.uom} {new:%a} {new.day} {new:%b %Y}, not all {whole} together" in part
    for one in ("supplier", "press", "PRS"):
        assert one.lower() not in (words + part).lower()
    # the admin's preview reads it even where the form starts without a date
    shown = preview_of(options["reschedule"], exception.ref, plant.people["ingrid.vogel"])
    assert shown["view"].message == ""
    assert shown["sample"].startswith(f"Order {name}: it ships ")
    with_date = {"machine_downtime": "defer", "labour_shortage": "defer", "supplier_delay": "reschedule_need"}
    for kind, code in with_date.items():
        message = Option.objects.get(playbook__type__code=kind, code=code).message
        assert message == options["reschedule"].message, kind


def test_downtime_and_quality_ship_follow_ups_with_a_check(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    checked = OptionTask.objects.filter(check_days__isnull=False, blocking=False)
    kinds = set(checked.values_list("option__playbook__type__code", flat=True))
    assert {"machine_downtime", "quality_hold", "customer_complaint"} <= kinds
    held = report(type="quality_hold", lot="L26-4471", reason="DIM-SIZE", qty_suspect="4")
    acknowledge_all(held)
    decisions.decide(
        exception_id=held.pk, option_code="scrap", inputs={"quantity": "2", "reason": "DIM-SIZE"},
        actor=plant.people["stefan.roth"],
    )  # fmt: skip
    task = held.tasks.get(code="prevent")
    assert (task.blocking, task.check_days, task.function.code) == (False, 60, "quality")
    decisions.decide(
        exception_id=held.pk, option_code="scrap", inputs={"quantity": "2", "reason": "DIM-SIZE", "prevent": False},
        actor=plant.people["stefan.roth"],
    )  # fmt: skip
    assert held.tasks.filter(code="prevent").count() == 1


def test_who_must_act_names_whose_yes_it_needs(plant: KolbeMini, erp: Books, report: Report) -> None:
    held = report(type="quality_hold", lot="L26-4471", reason="DIM-SIZE", qty_suspect="36")
    ExceptionRecord.objects.filter(pk=held.pk).update(severity="critical")
    held.refresh_from_db()

    def who(name: str, code: str) -> list[str]:
        views = options_for(held, plant.people[name])
        return next(view.who for view in views if view.option.code == code)

    assert held.limits["decide"] > 120
    limit = f"{round(held.limits['decide'] / 60)} h"
    assert who("stefan.roth", "scrap")[0] == (
        f"Plant manager (limit 25,000 EUR): approve within {limit}, 5112.00 EUR is over your limit of 2500"
    )
    assert who("stefan.roth", "use_as_is")[0] == (
        "Engineering lead (limit 2,500 EUR): approve within 120 min, a second person signs it"
    )
    # within the limit, and for who decides nothing here, only the work is left
    assert all("approve within" not in line for line in who("robert.kolbe", "scrap"))
    assert all("approve within" not in line for line in who("piotr.nowak", "scrap"))
    client = Client()
    client.force_login(plant.people["stefan.roth"])
    acknowledge_all(held)
    page = client.get(f"/exceptions/{held.ref}/?option=scrap").content.decode()
    assert "Plant manager (limit 25,000 EUR): approve within" in page
