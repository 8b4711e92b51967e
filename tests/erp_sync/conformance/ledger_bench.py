"""The bench of the in-process ledger, which asks nobody and so is without most cases."""

from __future__ import annotations

from typing import Any, ClassVar

from erp_sync.adapters import port
from tests.erp_sync.conformance.bench import Bench, Document, Payload
from tests.erp_sync.conformance.cases import KINDS
from tests.erp_sync.conformance.exchange_benches import GOOD, LISTED, NO_CODES, READS


class Ledger(Bench):
    """The in-process ledger asks nobody, so nobody can fail it."""

    name = "ledger"
    secrets = ("the-ledger-has-no-secret",)
    WHY: ClassVar[str] = "the ledger is in the process itself; there is no way an answer could be lost on"
    NO: ClassVar[str] = "the ledger confirms everything; it holds no rules, no stock and no documents"
    absent = {
        **dict.fromkeys(
            (
                "lost_before_effect", "lost_after_effect", "half_an_answer", "garbage_answer",
                "bad_gateway_before_effect", "bad_gateway_after_effect", "service_unavailable", "rate_limited",
                "redirect_refused", "slow_answer", "late_effect", "nobody_there", "look_up_away", "locked",
                "expired_login", "wrong_login", "look_up_half_done", "ping_away", "ping_clock", "reversal_lost",
                "secrets_stay_inside",
            ),
            WHY,
        ),
        **dict.fromkeys(
            (
                "business_refusal", "mapping_missing", "edited_after_refusal", "payload_refused", "drifted",
                "look_up_absent",
                "look_up_cancelled", "reversal", "reversal_twice", "reversal_of_unknown", "text_survives",
                "date_survives", "decimals_exact", "listed_for_reconciliation", "preview_is_what_is_sent",
                "preview_of_every_kind",
            ),
            NO,
        ),
        **dict.fromkeys(
            (
                *(f"reversal_of_{kind.replace('.', '_')}" for kind in KINDS),
                "reversal_whole",
                "reversal_drift_accepted",
            ),
            NO,
        ),
        **dict.fromkeys((*READS, *LISTED), "the ledger has no master data"),
        "check_code": NO_CODES,
    }  # fmt: skip

    def settings(self) -> dict[str, Any]:
        return {}

    def payload(self, kind: str) -> Payload | None:
        return GOOD.get(kind, {})

    def documents(self, command: port.PostingCommand) -> list[Document]:
        return [Document(f"L-{command.business_key}")]
