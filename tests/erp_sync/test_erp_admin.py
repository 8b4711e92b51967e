"""The administration of the ERP side: the form built from what a connector says, trials, mappings, reads, secrets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp_sync import models
from erp_sync.adapters import port
from erp_sync.errors import ErpUnavailable
from erp_sync.mapping_files import parsed, written
from erp_sync.models import (
    CodeMapping,
    ErpConnection,
    FindingCare,
    FindingKind,
    OutboxAlarm,
    PostingPolicy,
    PullRun,
    ReconciliationRun,
    StoredSecret,
    Watermark,
)
from erp_sync.secrets import VARIABLE
from erp_sync.services import send_due, work_pull_runs
from erp_sync.services.caring import Found, note_found
from execlayer.launcher.store import sealing_key
from plant_app.models import Customer, Site, User
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
KIND = "scripted_profiled"
PROFILE = port.Profile(
    label="Scripted ERP 9",
    proof="published",
    options=(
        port.Option("read_timeout", "Patience for an answer", "number", 30, "seconds"),
        port.Option("overconfirm", "Confirm beyond what is open", "flag", False),
        port.Option("accounts", "Accounts", "mapping", help="cost class to account"),
        port.Option("language", "Language", default="EN", choices=("EN", "DE")),
        port.Option("company", "Company", required=True),
    ),
    mapping_kinds={"reason": "reason to the ERP's reason", "location": "place to its place"},
    address_help="address of the scripted books",
)


class Knowing(scripted.ScriptedAdapter):
    """The scripted ERP with a clock, which knows one code."""

    kind = KIND

    def ping(self) -> port.Health:
        self.books.pings += 1
        if not self.books.up:
            return port.Health(False, detail="connection refused")
        return port.Health(
            True, "the books are open", "9.1", 12, clock=datetime.now(UTC) + timedelta(seconds=2)
        )

    def check_code(self, kind: str, ours: str, theirs: str) -> port.CodeCheck:
        if not self.books.up:
            raise ErpUnavailable("connection refused", sent=False)
        if kind == "location":
            return port.CodeCheck(None, "places can't be asked for")
        return port.CodeCheck(theirs == "0551", "Scrap" if theirs == "0551" else f"no reason {theirs}")


port.register(KIND, PROFILE)(lambda settings: Knowing(scripted.books_of(str(settings["code"]))))


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", password="secret-root")


@pytest.fixture
def boss(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


@pytest.fixture
def profiled(main: ErpConnection) -> ErpConnection:
    ErpConnection.objects.filter(pk=main.pk).update(
        kind=KIND, options={"company": "01", "read_timeout": 30, "from_an_older_version": [1, 2]}
    )
    return ErpConnection.objects.get(pk=main.pk)


@pytest.fixture
def keys(tmp_path: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    settings.ERP_KEY_FILE = tmp_path / "secret.keys"
    sealing_key(settings.ERP_KEY_FILE)


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:erp_sync_{name}", args=args)


def body(connection: ErpConnection, **changes: Any) -> dict[str, Any]:
    """What the form of a connection posts."""
    given = {
        "name": connection.name, "enabled": "on", "base_url": "http://erp-dev:8000/x", "database": "",
        "username": "shop",
        "source": "", "source_name": "", "new_password": "", "further": "", "parallel": 4, "per_minute": "",
        "alarm_count": 10, "alarm_after": "4:00:00", "option__read_timeout": "45", "option__accounts": "scrap = 4711",
        "option__language": "DE", "option__company": "02",
    }  # fmt: skip
    for prefix in ("site_links", "mappings", "watermarks"):
        given |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    return given | changes


def test_every_model_has_a_page_or_stands_inside_one() -> None:
    inside = {
        models.ConnectionSite, models.FindingStep, models.PostingAttempt, models.PostingEdit,
        models.ReconciliationFinding,
    }  # fmt: skip
    rows = {getattr(models, name) for name in models.__all__ if hasattr(getattr(models, name), "_meta")}
    shown = {model for model in admin.site._registry if model._meta.app_label == "erp_sync"}
    assert rows - inside == shown


def test_every_page_opens_for_administrators_and_for_nobody_else(
    boss: Client, main: ErpConnection, queue: Queue, site: Site, keys: None, root: User
) -> None:
    queue()
    send_due()
    CodeMapping.objects.create(connection=main, kind="reason", ours="SCRAP", theirs="0551")
    Watermark.objects.create(connection=main, entity="items", missing=["an older sentence"])
    PullRun.objects.create(connection=main)
    ReconciliationRun.objects.create(connection=main, since=NOON)
    FindingCare.objects.create(connection=main, kind="unknown_here", business_key="AAAA")
    OutboxAlarm.objects.create(connection=main, site=site, kind="age")
    PostingPolicy.objects.create(connection=main, kind="cost")
    StoredSecret.objects.create(connection=main, sealed="x", set_by=root)
    stranger = Client()
    stranger.force_login(User.objects.create_user("op", password="x-1-op", is_staff=True))
    for model in (one for one in admin.site._registry if one._meta.app_label == "erp_sync"):
        name = model._meta.model_name
        row = model._default_manager.first()
        assert row is not None, name
        for address in (page(f"{name}_changelist"), page(f"{name}_change", row.pk)):
            assert boss.get(address).status_code == 200, address
        assert stranger.get(page(f"{name}_changelist")).status_code == 403, name
        added = boss.get(page(f"{name}_add")).status_code
        may_add = name in ("erpconnection", "codemapping", "pullrun", "postingpolicy", "storedsecret")
        assert added == (200 if may_add else 403), name


def test_the_list_of_comparisons_counts_all_findings_at_once(boss: Client, main: ErpConnection) -> None:
    def spent() -> int:
        with CaptureQueriesContext(database) as queries:
            html = boss.get(page("reconciliationrun_changelist")).content.decode()
        assert html.count('<td class="field-found') == ReconciliationRun.objects.count()
        return len(queries)

    for found in range(3):
        run = ReconciliationRun.objects.create(connection=main, since=NOON, finished_at=NOON)
        kind = FindingKind.UNKNOWN_HERE
        note_found(run=run, found=[Found(kind, None, f"KEY{n}", "", about_at=NOON) for n in range(found)])
        if not found:
            spent()
            few = spent()
    assert spent() == few
    counts = boss.get(page("reconciliationrun_changelist")).context["cl"].result_list
    assert [row.found for row in counts] == [2, 1, 0]


def test_a_new_connection_starts_switched_off_with_its_connectors_defaults(boss: Client) -> None:
    form = boss.get(page("erpconnection_add")).content.decode()
    assert (
        "Scripted ERP 9 (held against the vendor&#x27;s published interface files, not yet run live)" in form
    )
    assert "ledger" not in form
    answer = boss.post(page("erpconnection_add"), {"kind": KIND, "code": "books", "name": "Books"})
    made = ErpConnection.objects.get(code="books")
    assert answer["Location"] == page("erpconnection_change", made.pk)
    assert (made.enabled, made.options) == (
        False,
        {"read_timeout": 30, "overconfirm": False, "language": "EN"},
    )


def test_the_form_has_the_connectors_settings_typed_and_keeps_what_it_does_not_know(
    boss: Client, profiled: ErpConnection
) -> None:
    shown = boss.get(page("erpconnection_change", profiled.pk)).content.decode()
    for words in ("Settings of Scripted ERP 9", "Patience for an answer", "address of the scripted books",
                  "not yet run live", "from_an_older_version", "Test the connection"):  # fmt: skip
        assert words in shown
    answer = boss.post(
        page("erpconnection_change", profiled.pk), body(profiled, further='{"from_an_older_version": [1, 2]}')
    )
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    profiled.refresh_from_db()
    assert profiled.options == {
        "company": "02", "read_timeout": 45, "overconfirm": False, "accounts": {"scrap": "4711"}, "language": "DE",
        "from_an_older_version": [1, 2],
    }  # fmt: skip
    assert (profiled.base_url, profiled.kind) == ("http://erp-dev:8000/x", KIND)


def test_what_senders_write_while_a_form_is_saved_stays(
    boss: Client, profiled: ErpConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a circuit that opens between reading and writing the row; then only what was entered is written."""
    until = NOON.replace(hour=13)
    whole = admin.site._registry[ErpConnection].save_model

    def save(request: Any, connection: ErpConnection, *rest: Any) -> None:
        ErpConnection.objects.filter(pk=connection.pk).update(open_until=until, free_at=until, failures=4)
        whole(request, connection, *rest)

    monkeypatch.setattr(admin.site._registry[ErpConnection], "save_model", save)

    boss.post(page("erpconnection_change", profiled.pk), body(profiled, name="Renamed", parallel="2"))

    profiled.refresh_from_db()
    assert (profiled.name, profiled.parallel, profiled.options["language"]) == ("Renamed", 2, "DE")
    assert (profiled.open_until, profiled.free_at, profiled.failures) == (until, until, 4)


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"option__company": ""}, "option__company", "required"),
        ({"option__read_timeout": "soon"}, "option__read_timeout", "number"),
        ({"option__accounts": "scrap 4711"}, "option__accounts", "ours = theirs"),
        ({"base_url": "ftp://erp"}, "base_url", "http://"),
        ({"base_url": "http://me:pw@erp/"}, "base_url", "login"),
        ({"further": "[1]"}, "further", "object"),
        ({"further": '{"client_secret": "x"}'}, "further", "looks like a secret"),
        ({"source": "env"}, "source_name", "Name the variable"),
        ({"source": "stored"}, "new_password", "No password is stored yet"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_saved(
    boss: Client, profiled: ErpConnection, keys: None, wrong: dict[str, str], field: str, words: str
) -> None:
    answer = boss.post(page("erpconnection_change", profiled.pk), body(profiled, **wrong))
    assert answer.status_code == 200
    assert words in " ".join(answer.context["adminform"].form.errors[field])
    profiled.refresh_from_db()
    assert profiled.options["company"] == "01"


def test_a_password_goes_in_is_told_with_age_and_name_and_never_comes_out(
    now: time_machine.Traveller, boss: Client, profiled: ErpConnection, keys: None
) -> None:
    where = page("erpconnection_change", profiled.pk)
    assert boss.post(where, body(profiled, new_password="first-Horse-7")).status_code == 302
    profiled.refresh_from_db()
    assert profiled.password_source == "stored"
    now.shift(timedelta(days=3))
    boss.force_login(User.objects.get(username="root"))
    shown = boss.get(where).content.decode().replace("\xa0", " ")
    assert "Set 3 days ago by root" in shown
    assert "first-Horse-7" not in shown
    boss.post(where, body(profiled, source="stored"))
    assert StoredSecret.objects.get().set_at == NOON  # an empty field keeps it

    boss.post(page("storedsecret_add"), {"connection": profiled.pk, "password": "second-Battery-8"})
    assert StoredSecret.objects.get().set_at == NOON + timedelta(days=3)
    boss.post(page("storedsecret_delete", StoredSecret.objects.get().pk), {"post": "yes"})
    assert not StoredSecret.objects.exists()


def test_without_a_key_the_form_says_so_and_stores_nothing(
    boss: Client, profiled: ErpConnection, keys: None, settings: Any
) -> None:
    settings.ERP_KEY_FILE.unlink()
    answer = boss.post(
        page("erpconnection_change", profiled.pk), body(profiled, new_password="first-Horse-7")
    )
    assert "there is no key" in answer.context["adminform"].form.errors["new_password"][0]
    assert "first-Horse-7" not in answer.content.decode()
    assert not StoredSecret.objects.exists()


def test_a_trial_shows_who_we_are_how_fast_the_version_the_clock_and_the_kinds(
    boss: Client, profiled: ErpConnection, erp: Books
) -> None:
    ErpConnection.objects.update(base_url="http://erp-dev:8000/x", username="shop")
    erp.unsupported["cost"] = "books keep no money"
    where = page("erpconnection_test", profiled.pk)
    assert "Answers and lets us in" not in boss.get(where).content.decode()
    assert erp.pings == 0
    said = boss.post(where).content.decode()
    for words in ("Answers and lets us in", "9.1", "12 ms", "shop", "http://erp-dev:8000", "books keep no money",
                  "the books are open", "Takes 17 of 18 kinds"):  # fmt: skip
        assert words in said
    assert erp.pings == 1
    answer = boss.post(
        page("erpconnection_changelist"),
        {"action": "test_connection", "_selected_action": [profiled.pk]},
        follow=True,
    )
    (message,) = [str(one) for one in answer.context["messages"]]
    assert "9.1, 12 ms, its clock is 2.0 s ahead, in as shop" in message
    erp.up = False
    assert "connection refused" in boss.post(where).content.decode()


def test_a_mapping_is_tried_and_changing_it_forgets_the_verdict(
    boss: Client, profiled: ErpConnection, erp: Books
) -> None:
    good, bad, dim = (
        CodeMapping.objects.create(connection=profiled, kind=kind, ours=ours, theirs=theirs)
        for kind, ours, theirs in (
            ("reason", "SCRAP", "0551"),
            ("reason", "LOST", "9999"),
            ("location", "A", "X"),
        )
    )
    boss.post(page("codemapping_try", good.pk))
    good.refresh_from_db()
    assert (good.test_ok, good.test_said, good.tested_at is not None) == (True, "Scrap", True)
    boss.post(page("erpconnection_ask", profiled.pk, "mappings"))
    assert list(CodeMapping.objects.order_by("pk").values_list("test_ok", "test_said")) == [
        (True, "Scrap"), (False, "no reason 9999"), (None, "places can't be asked for"),
    ]  # fmt: skip
    erp.up = False
    boss.post(
        page("codemapping_changelist"), {"action": "try_them", "_selected_action": [good.pk, bad.pk, dim.pk]}
    )
    good.refresh_from_db()
    assert (good.test_ok, good.test_said) == (True, "not asked: connection refused")

    change = {"connection": profiled.pk, "kind": "reason", "ours": "SCRAP", "theirs": "0552"}
    boss.post(page("codemapping_change", good.pk), change)
    good.refresh_from_db()
    assert (good.theirs, good.test_ok, good.tested_at, good.test_said) == ("0552", None, None, "")
    answer = boss.post(page("codemapping_add"), change | {"kind": "colour"})
    assert "This connector reads location, reason." in answer.content.decode()
    offered = boss.get(page("erpconnection_change", profiled.pk)).content.decode()
    assert '<option value="location">location</option>' in offered


def test_mappings_go_out_and_come_in_as_a_file_whole_or_not_at_all(
    boss: Client, profiled: ErpConnection
) -> None:
    kept = CodeMapping.objects.create(
        connection=profiled, kind="reason", ours="SCRAP", theirs="=1+1", test_ok=True
    )
    CodeMapping.objects.create(connection=profiled, kind="reason", ours="OLD", theirs="1")
    answer = boss.post(page("codemapping_changelist"), {"action": "export", "_selected_action": [kept.pk]})
    assert answer.content.decode() == "kind,ours,theirs\nreason,SCRAP,'=1+1\n"

    def bring(text: str, **more: Any) -> Any:
        file = SimpleUploadedFile("m.csv", text.encode(), "text/csv")
        return boss.post(page("codemapping_import"), {"connection": profiled.pk, "file": file} | more)

    refused = bring("kind,ours,theirs\nreason,SCRAP,0551\ncolour,A,B\nreason,,C\n").content.decode()
    assert "reads no mapping of kind &#x27;colour&#x27;" in refused
    assert "ours is empty." in refused
    kept.refresh_from_db()
    assert kept.theirs == "=1+1"
    assert (
        bring("\ufeffkind;ours;theirs\r\nreason;SCRAP;0551\r\nlocation;A;X\r\n", replace="on").status_code
        == 302
    )
    assert list(CodeMapping.objects.order_by("kind").values_list("kind", "ours", "theirs", "test_ok")) == [
        ("location", "A", "X", None), ("reason", "SCRAP", "0551", None),
    ]  # fmt: skip


def test_a_file_of_mappings_reads_back_as_it_was_written() -> None:
    rows = [("reason", 'a "b", c', "=x"), ("reason", "ä\u00a0ö", "+1"), ("location", "'quoted", "x;y")]
    assert parsed(written(rows), {}) == (rows, [])
    assert parsed("", {})[1][0].line == 1
    assert parsed("a,b\n1,2\n", {})[1][0].message.startswith("The first line names")
    assert parsed('kind,ours,theirs\nreason,"a"b,c\n', {})[1][0].line == 2
    assert parsed("kind,ours,theirs\nr,a,b\nr,a,c\n", {})[1][0].message == "r a stands twice in the file."
    assert parsed(f"kind,ours,theirs\nr,{'x' * 61},b\n", {})[1][0].message.startswith("ours has more than 60")


def test_a_read_is_asked_for_shown_while_it_waits_and_with_what_it_did(
    boss: Client, main: ErpConnection, erp: Books
) -> None:
    erp.pages["customers"] = [
        port.Page((port.Record("customers", "ALS", "1", {"name": "Alstrand"}),), "1"),
    ]
    asked = {"connection": main.pk, "entities": ["customers"], "dry": "on", "from_start": "on"}
    answer = boss.post(page("pullrun_add"), asked, follow=True)
    run = PullRun.objects.get()
    assert (run.dry, run.entities, str(run.asked_by)) == (True, ["customers"], "root")
    assert "waits for a worker" in answer.content.decode()
    work_pull_runs()
    shown = boss.get(page("pullrun_change", run.pk)).content.decode()
    for words in ("done", "Customers", "Would be", "Alstrand", "Read it now"):
        assert words in shown
    assert not Customer.objects.exists()
    boss.post(page("erpconnection_ask", main.pk, "read"))
    assert PullRun.objects.filter(dry=False).count() == 1
    boss.post(page("erpconnection_ask", main.pk, "compare"))
    assert ReconciliationRun.objects.get().finished_at is None
    boss.get(page("erpconnection_ask", main.pk, "read"))
    assert PullRun.objects.filter(dry=False).count() == 1


def test_a_policy_names_a_site_its_connection_serves(boss: Client, main: ErpConnection, site: Site) -> None:
    other = Site.objects.create(code="LEI", name="Leipzig", enterprise=site.enterprise)
    given = {
        "connection": main.pk, "site": other.pk, "kind": "cost", "mode": "approval", "buffer_minutes": 60,
        "value_limit": "-1", "quantity_limit": "", "approver_role": "", "second_person": "on",
    }  # fmt: skip
    refused = boss.post(page("postingpolicy_add"), given)
    assert set(refused.context["adminform"].form.errors) == {"site", "value_limit"}
    assert (
        boss.post(page("postingpolicy_add"), given | {"site": site.pk, "value_limit": "500"}).status_code
        == 302
    )
    assert PostingPolicy.objects.get().value_limit == 500


def test_a_connection_that_leads_to_another_system_is_read_from_the_start(
    now: Any, boss: Client, profiled: ErpConnection
) -> None:
    given = body(profiled, base_url="http://erp-test:8000", database="100")
    boss.post(page("erpconnection_change", profiled.pk), given)
    later = NOON + timedelta(hours=1)
    Watermark.objects.create(connection=profiled, entity="items", value="2026-11-01|77", next_at=later)
    Watermark.objects.create(connection=profiled, entity="stock", value="5", swept_at=NOON, next_at=later)

    boss.post(page("erpconnection_change", profiled.pk), given | {"name": "Renamed", "parallel": "2"})
    assert set(Watermark.objects.values_list("value", "next_at")) == {("2026-11-01|77", later), ("5", later)}

    boss.post(page("erpconnection_change", profiled.pk), given | {"database": "200"})
    assert set(Watermark.objects.values_list("value", "swept_at", "next_at")) == {("", None, NOON)}
