"""What an answer of the ERP means for a posting: the second short transaction of every try.

Owns the reading of outcomes into statuses and due times, and the finishing of attempts. An answer that comes after
its claim was taken over changes nothing: whoever holds the claim finds out for himself.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from core import clock
from core.due import backoff_seconds
from erp_sync import lifecycle
from erp_sync.adapters.port import Outcome
from erp_sync.models import AttemptOutcome, Posting, PostingAttempt
from erp_sync.services.moves import lock, move
from erp_sync.services.skew import corrected
from erp_sync.services.withdrawing import complete_withdrawal

Status = lifecycle.Status
#: First look after an unclear answer; further ones wait longer each time.
FIRST_LOOK_SECONDS = 2.0
RETRY_CEILING_SECONDS = 300.0
#: Pauses are up to a quarter shorter than that, each posting's by its own share: what failed together comes apart.
SPREAD = 0.25
#: What an ERP asks for with `Retry-After` is believed up to this.
LONGEST_ASKED_SECONDS = 3600.0
#: Codes end in these where the ERP was there and working, only not for this row at this moment; `.waiting`: it has
#: the posting and will say by itself what became of it, so it is looked up and never sent again.
BUSY_SUFFIXES = (".stale", ".busy", ".waiting")


def is_outage(outcome: Outcome) -> bool:
    """Whether an outcome speaks of the connection rather than of the posting."""
    return outcome.status in ("retry", "unknown") and not speaks(outcome)


def speaks(outcome: Outcome) -> bool:
    """Whether an outcome shows that the ERP is there and working, whatever it said of the posting."""
    if outcome.status in ("confirmed", "rejected"):
        return True
    throttled = outcome.status == "retry" and asked_pause(outcome) > 0
    return throttled or outcome.error_code.endswith(BUSY_SUFFIXES)


def asked_pause(outcome: Outcome) -> float:
    """Seconds the ERP asked to be left alone (`raw["retry_after"]`); 0 where it asked for none."""
    asked = outcome.raw.get("retry_after")
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        return 0.0
    return min(max(float(asked), 0.0), LONGEST_ASKED_SECONDS)


@transaction.atomic
def record_send(*, posting_id: int, attempt_id: int, token: str, outcome: Outcome) -> Posting:
    """Write what became of a sent posting. Locks it; does nothing to it when the claim is no longer `token`."""
    posting = lock(posting_id)
    mine = posting.claim_token == token and posting.status == Status.SENDING
    finish_attempt(attempt_id, outcome.status, outcome)
    if mine:
        _apply(posting, outcome)
        complete_withdrawal(posting)
    return posting


@transaction.atomic
def record_look_up(
    *, posting_id: int, attempt_id: int, token: str, outcome: Outcome | None, settle_after: timedelta
) -> bool:
    """Write what a look-up of an unclear posting found; True when it may now be sent (again).

    Absent, or half done, proves something only once `settle_after` has passed since the last moment a request may
    have been on its way: before that a late one can still land, so the posting is looked up again then. The
    refusal of an earlier try, once more, says that the last one has not come.
    """
    posting = lock(posting_id)
    mine = posting.claim_token == token and posting.status == Status.UNKNOWN
    told = outcome
    if outcome is not None and said_before(posting, outcome):
        outcome = None
    absent = outcome is None
    half_done = outcome is not None and bool(outcome.raw.get("half_done"))
    finish_attempt(attempt_id, AttemptOutcome.ABSENT.value if outcome is None else outcome.status, told)
    if not mine:
        return False
    if outcome is not None and outcome.status in ("confirmed", "rejected", "local"):
        _apply(posting, outcome)
        complete_withdrawal(posting)
        return False
    now = clock.now()
    if absent or half_done:
        since = posting.unknown_since or posting.status_at
        if now >= since + settle_after:
            if posting.withdrawn_at is None:
                return True
            _withdraw(posting, outcome)
            return False
        # Never a third look before the moment that counts.
        move(posting, Status.UNKNOWN, due_at=since + settle_after + timedelta(seconds=1), claim_token="")
        return False
    assert outcome is not None  # noqa: S101 - narrowed above; only an unclear answer is left
    move(posting, Status.UNKNOWN, **_unclear(posting, outcome, now))
    return False


def _withdraw(posting: Posting, outcome: Outcome | None) -> None:
    """A withdrawn posting that ERP has not, or not wholly: what is begun there is not ended by forgetting it here."""
    if outcome is None:
        move(
            posting,
            Status.REJECTED,
            claim_token="",
            error_code="erp.withdrawn",
            error_message="It never took effect in ERP, and was withdrawn meanwhile.",
        )
        complete_withdrawal(posting)
        return
    move(
        posting,
        Status.REJECTED,
        claim_token="",
        erp_number=outcome.erp_number[:80],
        error_code="erp.withdrawn_half_done",
        error_message=f"It was withdrawn, but ERP holds a document that is begun: {outcome.message}"[:500],
    )


def said_before(posting: Posting, outcome: Outcome) -> bool:
    """Whether this is the refusal of an earlier try once more: it must not refuse what was mended and sent since.

    Told by the try it names, else by the ERP's own time of it; one that says neither can't be told from a new one.
    """
    if outcome.status != "rejected":
        return False
    refused = posting.tries.filter(outcome=AttemptOutcome.REJECTED)
    if outcome.raw.get("try"):
        return refused.filter(response__try=outcome.raw["try"]).exists()
    at = outcome.raw.get("said_at")
    return bool(at) and refused.filter(response__said_at=at).exists()


def settle_acknowledged(posting: Posting, outcome: Outcome) -> Posting:
    """Write a definite answer the ERP gave by itself. The caller holds the lock of a posting that is in flight.

    Of one still being sent the claim ends with it: whatever its sender records later changes nothing.
    """
    _apply(posting, outcome)
    complete_withdrawal(posting)
    return posting


def finish_attempt(attempt_id: int, outcome: str, found: Outcome | None = None, error: str = "") -> None:
    """Complete an attempt, once. One already completed (its sender was given up on) stays as it is."""
    PostingAttempt.objects.filter(pk=attempt_id, outcome="").update(
        outcome=outcome,
        finished_at=clock.now(),
        response={} if found is None else {"erp_number": found.erp_number, **found.raw},
        error_code="" if found is None else found.error_code[:60],
        error=error or ("" if found is None else found.message),
    )


def _apply(posting: Posting, outcome: Outcome) -> Posting:
    now = clock.now()
    fields: dict[str, Any] = {
        "claim_token": "",
        "error_code": outcome.error_code[:60],
        "error_message": outcome.message,
    }
    if outcome.erp_number:
        fields["erp_number"] = outcome.erp_number[:80]
    if outcome.status == "confirmed":
        fields |= {
            "erp_confirmed_at": corrected(posting, outcome.confirmed_at, now),
            "failures": 0,
            "error_code": "",
            "error_message": "",
            "unknown_since": None,
        }
        return move(posting, Status.CONFIRMED, **fields)
    if outcome.status == "local":
        fields["local_reason"] = (outcome.message or "the connected ERP does not take it")[:300]
        return move(posting, Status.LOCAL, **fields)
    if outcome.status == "rejected":
        held = _held_reason(outcome.error_code)
        if held and posting.status == Status.SENDING:
            return move(posting, Status.HELD, held_reason=held.value, failures=0, **fields)
        return move(posting, Status.REJECTED, failures=0, **fields)
    if outcome.status == "retry":
        pause = max(_spread(posting, posting.failures + 1), asked_pause(outcome))
        fields |= {"failures": posting.failures + 1, "due_at": now + timedelta(seconds=pause)}
        return move(posting, Status.QUEUED, **fields)
    return move(posting, Status.UNKNOWN, **_unclear(posting, outcome, now), unknown_since=now)


def _unclear(posting: Posting, outcome: Outcome, now: datetime) -> dict[str, Any]:
    failures = posting.failures + 1
    pause = max(_spread(posting, failures), asked_pause(outcome))
    return {
        "failures": failures,
        "due_at": now + timedelta(seconds=pause),
        "claim_token": "",
        "error_code": outcome.error_code[:60],
        "error_message": outcome.message,
    }


def _spread(posting: Posting, failures: int) -> float:
    """Seconds to wait after so many failures; the same for a posting each time, so that a rehearsal repeats itself."""
    seed = f"{posting.business_key}:{failures}".encode()
    share = int.from_bytes(hashlib.sha256(seed).digest()[:4]) / 2**32
    pause = backoff_seconds(failures, first=FIRST_LOOK_SECONDS, ceiling=RETRY_CEILING_SECONDS)
    return pause * (1 - SPREAD * share)


def _held_reason(error_code: str) -> lifecycle.HeldReason | None:
    """A definite no that a person mends outside the posting: `*.mapping_missing`, `*.drifted`."""
    suffix = error_code.rsplit(".", 1)[-1]
    if suffix in (lifecycle.HeldReason.MAPPING_MISSING.value, lifecycle.HeldReason.DRIFTED.value):
        return lifecycle.HeldReason(suffix)
    return None
