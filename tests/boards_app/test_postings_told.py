"""What the postings pages say of what they did, and what they promise: as it went, and as its connector takes it."""

from typing import Any

import pytest

from erp_sync.models import Posting, PostingPolicy
from erp_sync.services import send_due
from tests.boards_app.conftest import As
from tests.boards_app.test_postings import act, put
from tests.erp_sync import scripted
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def dead(plant: KolbeMini, erp: scripted.Books) -> Posting:
    """A posting ERP refused."""
    erp.then(scripted.refuse())
    posting = put(plant, "dead")
    send_due()
    posting.refresh_from_db()
    assert posting.status == "rejected"
    return posting


def said(answer: Any) -> str:
    assert answer.status_code == 204
    return str(answer.headers["HX-Trigger"])


def test_the_toast_says_where_it_went(plant: KolbeMini, dead: Posting, erp: scripted.Books, as_: As) -> None:
    browser = as_("ingrid.vogel")
    main = dead.connection
    assert main is not None
    policy = PostingPolicy.objects.create(connection=main, mode="approval", second_person=False)

    assert "Waits for approval" in said(act(browser, dead, "retry"))
    dead.refresh_from_db()
    changed = said(act(browser, dead, "edit", reason="counted", **{"payload.quantity": "4"}))
    assert "Waits for approval" in changed
    PostingPolicy.objects.filter(pk=policy.pk).update(mode="buffered", buffer_minutes=1439)
    dead.refresh_from_db()
    assert "It is sent later, together with others" in said(act(browser, dead, "approve"))
    PostingPolicy.objects.all().delete()
    dead.refresh_from_db()
    assert "It is sent again now" in said(act(browser, dead, "retry"))
    assert erp.documents == []


def test_a_reversal_erp_does_not_take_is_shown_and_told_as_one_kept_here(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    posting = put(plant, "fine")
    send_due()
    erp.unsupported["reversal"] = "this ERP takes back no transfer"
    browser = as_("ingrid.vogel")
    html = browser.get(f"/postings/{posting.pk}/").content.decode()
    assert html.count("Nothing in ERP, it is only noted here: this ERP takes back no transfer.") == 2
    assert "kept here and not sent" in html
    assert "The goods move back" not in html
    told = said(act(browser, posting, "reverse", reason="wrong pallet"))
    assert "It is only noted here, ERP does not get it" in told


@pytest.mark.parametrize(
    ("answers", "stands", "words"),
    [
        ([scripted.refuse()], "rejected", "Its reversal waits for a person: edit it or send it again"),
        ([], "confirmed", "It is taken back already"),
    ],
)
def test_asked_again_a_reversal_is_told_as_it_stands(
    plant: KolbeMini, erp: scripted.Books, as_: As, answers: list[Any], stands: str, words: str
) -> None:
    posting = put(plant, "fine")
    send_due()
    browser = as_("ingrid.vogel")
    for _ in range(2):  # nothing was sent between
        assert "Taken back: the reversal is on its way" in said(
            act(browser, posting, "reverse", reason="wrong")
        )
    erp.then(*answers)
    send_due()
    assert [one.status for one in posting.reversals.all()] == [stands]

    assert words in said(act(browser, posting, "reverse", reason="still wrong"))

    assert [one.status for one in posting.reversals.all()] == [stands]


def test_sent_again_with_others_it_may_wait_for_approval_and_the_answer_says_so(
    plant: KolbeMini, dead: Posting, as_: As
) -> None:
    PostingPolicy.objects.create(connection=dead.connection, mode="approval")
    chosen = {"verb": "retry", "posting": [f"{dead.pk}:{dead.version}"]}
    answer = as_("ingrid.vogel").post("/postings/bulk/", chosen, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "waits for approval" in html
    assert "sent again now" not in html
