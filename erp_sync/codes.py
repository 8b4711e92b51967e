"""What each error code of a posting means, and what somebody does about it: the words of the error workbench.

Pure but for the connectors' own tables. A connector says of its own codes what they mean in its `Profile.codes`, which
come first; what connectors share is told here by the whole code (`erp.not_found`) or by its last part (`*.login`). Must
not know postings or pages.
"""

from dataclasses import dataclass
from typing import Final

from erp_sync.adapters import port


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause in words: `title` for a heading, `cure` for what to do; `again`: sending it as it is may help once what
    stood in the way is gone."""

    title: str
    cure: str
    again: bool = False


_OUTAGE = "Nothing to do with the posting: it goes by itself once ERP answers."
#: Whole codes: what the product itself says, and what every connector says in the same words.
CODES: Final[dict[str, Cause]] = {
    "erp.payload_invalid": Cause("The posting is not complete", "Correct the fields that are named, then send it."),
    "erp.payload": Cause("A field is missing or wrong", "Correct the field ERP can't take, then send it again."),
    "erp.mapping_missing": Cause(
        "A code has no counterpart in ERP",
        "Enter the mapping at the connection in the administration, then send all of them again.",
        again=True,
    ),
    "erp.drifted": Cause(
        "ERP has changed since it was decided",
        "Compare both values: send it all the same, correct it, or cancel it where ERP is right.",
    ),
    "erp.not_found": Cause(
        "ERP does not have what it speaks of",
        "Create the order, item or place in ERP, or correct its number here, then send it again.",
        again=True,
    ),
    "erp.ambiguous": Cause(
        "ERP has several of that name",
        "Make the name unique in ERP, or name the right one here, then send it again.",
        again=True,
    ),
    "erp.refused": Cause(
        "ERP refused it", "Read ERP's own words; correct the posting or what stands in ERP, then send it again."
    ),
    "erp.withdrawn": Cause(
        "It was taken back before it took effect", "Nothing is left to do: cancel it if it still stands here."
    ),
    "erp.withdrawn_half_done": Cause(
        "It was taken back while ERP had begun it",
        "Undo in ERP what its document has begun and cancel it here; or send it again: it is finished, then reversed.",
        again=True,
    ),
    "erp.partly_done": Cause(
        "ERP holds another part of it already",
        "Look at the document in ERP: key the rest by hand and settle it here, or cancel there and send it again.",
    ),
    "erp.cancelled_there": Cause(
        "Its document was cancelled in ERP",
        "Ask who cancelled it; then cancel it here too, or settle it by hand with a new document.",
    ),
    "erp.wrong_item": Cause("The order line holds another item", "Correct line or item, then send it again."),
    "erp.wrong_unit": Cause("ERP counts it in another unit", "Correct the unit or its mapping, then send it again."),
    "erp.not_offered": Cause(
        "This ERP has no place for it", "Key it by hand where it belongs, and settle it here with its number."
    ),
    "erp.nothing_open": Cause(
        "Nothing is open on the order line", "Check the receipt in ERP: it may have been booked there already."
    ),
    "erp.over_received": Cause(
        "More than the order leaves open", "Correct the quantity, or have the order raised in ERP.", again=True
    ),
    "erp.unit_digits": Cause("More decimals than the unit takes", "Round the quantity, then send it again."),
    "erp.same_place": Cause("From and to are one place in ERP", "Correct the places or their mapping."),
    "erp.period_closed": Cause(
        "The posting period is closed",
        "Have the period opened in ERP and send it again, or settle it by hand in the next one.",
        again=True,
    ),
    "erp.not_sent": Cause(
        "ERP answered something that was not sent", "Look the key up in ERP and settle it by hand with what you find."
    ),
    "erp.no_connection": Cause("No ERP is connected", "Key it by hand, and settle it here with its number."),
    "erp.not_ready": Cause("The connection is not ready", _OUTAGE, again=True),
    "erp.unavailable": Cause("ERP does not answer", _OUTAGE, again=True),
    "erp.host_refused": Cause(
        "The address is outside the connection's hosts",
        "Check the connection's address in the administration; nothing is sent elsewhere.",
    ),
    "erp.sender_lost": Cause(
        "The sender ended while it was sending", "ERP is asked what became of it before anything is sent again."
    ),
    "erp.connector_fault": Cause(
        "The connector itself failed",
        "Give the message to whoever looks after the product; look the key up in ERP before settling it by hand.",
    ),
    "erp.file_too_large": Cause("A file is too large to read", "Have ERP write smaller files, then wait."),
    "erp.signature": Cause("A call was not provably theirs", "Compare the secret on both sides."),
    "erp.unknown_entity": Cause("No connector reads that", "Choose an entity the connector offers."),
    "erp.secret_empty": Cause("The connection has no secret", "Enter it at the connection in the administration."),
    "erp.secret_key_environment": Cause(
        "The keys of stored secrets are given by the environment", "Change EXECLAYER_SECRET_KEYS; newest key first."
    ),
    "erp.secret_key_missing": Cause(
        "The key of stored secrets is missing", "Provide it to the installation as it was when they were stored."
    ),
    "erp.secret_key_wrong": Cause(
        "No key opens the stored secret", "Bring the older key back, or enter the password anew at the connection."
    ),
    "erp.secret_key_open": Cause(
        "Others can read the file of keys", "Let its owner alone read it (chmod 600), and rotate the keys."
    ),
    "erp.secret_key_bad": Cause(
        "A key of stored secrets is none", "Correct EXECLAYER_SECRET_KEYS or the key file of the installation."
    ),
    "erp.not_read": Cause("The connection is not read from", "Choose one that is enabled."),
    "erp.stale": Cause("It changed meanwhile", "Read it again and repeat what still makes sense."),
}  # fmt: skip
#: Last parts of codes connectors give for the same thing.
ENDINGS: Final[dict[str, Cause]] = {
    "login": Cause(
        "ERP does not let us in", "Renew the password at the connection; what waits goes by itself.", again=True
    ),
    "credentials": Cause(
        "ERP does not let us in", "Renew the password at the connection; what waits goes by itself.", again=True
    ),
    "secret": Cause("The connection's secret can't be used", "Enter it anew at the connection.", again=True),
    "not_authorised": Cause(
        "The login may not do this in ERP", "Have the right granted in ERP, then send all of them again.", again=True
    ),
    "forbidden": Cause(
        "The login may not do this in ERP", "Have the right granted in ERP, then send all of them again.", again=True
    ),
    "unreachable": Cause("ERP can't be reached", _OUTAGE, again=True),
    "unavailable": Cause("ERP can't be reached", _OUTAGE, again=True),
    "no_answer": Cause("ERP gave no answer", "ERP is asked what became of it; nothing is sent twice."),
    "unexpected": Cause(
        "An answer nobody expected", "ERP is asked what became of it. If it stays, show the try to IT."
    ),
    "garbled": Cause("An answer that can't be read", "ERP is asked what became of it. If it stays, show it to IT."),
    "redirected": Cause("ERP sends us elsewhere", "Correct the address of the connection.", again=True),
    "address": Cause("Nothing answers at this address", "Correct the address of the connection.", again=True),
    "status": Cause("ERP's server is in trouble", "ERP is asked what became of it; nothing is sent twice."),
    "database": Cause("ERP's database failed", "ERP is asked what became of it; tell ERP's keepers if it stays."),
    "no_database": Cause("ERP has no such database", "Correct the database at the connection.", again=True),
    "no_service": Cause("ERP does not offer this service", "Have the service activated in ERP.", again=True),
    "not_configured": Cause("The connection lacks a setting", "Complete it in the administration.", again=True),
    "folder": Cause("A folder can't be reached", "Mount it again or give the right.", again=True),
    "write": Cause("A file could not be written", "Look for a full disk or a missing right.", again=True),
    "foreign_file": Cause("A file of that name is not ours", "Take it away, then send it again.", again=True),
    "row": Cause("A row can't be read", "Correct the row in the file ERP wrote."),
    "busy": Cause("ERP was busy with the same record", "It is sent again by itself in a moment.", again=True),
    "locked": Cause("Somebody has the record open in ERP", "Have it closed in ERP, then send it again.", again=True),
    "system_error": Cause("ERP's own system failed", "Tell ERP's keepers; it is sent again by itself.", again=True),
    "stale": Cause("The record changed while it was sent", "It is read and sent again by itself.", again=True),
    "rate": Cause("ERP asks us to slow down", "It is sent again by itself, slower.", again=True),
    "limited": Cause("ERP asks us to slow down", "It is sent again by itself, slower.", again=True),
    "waiting": Cause("Handed over, its answer is awaited", "Nothing to do until ERP acknowledges it."),
    "half_done": Cause("ERP has begun it", "It is continued by itself; nothing is begun twice."),
    "drifted": CODES["erp.drifted"],
    "mapping_missing": CODES["erp.mapping_missing"],
    "payload": CODES["erp.payload"],
    "not_found": CODES["erp.not_found"],
    "refused": CODES["erp.refused"],
    "period_closed": CODES["erp.period_closed"],
    "unit_digits": CODES["erp.unit_digits"],
    "over_quantity": CODES["erp.over_received"],
    "short_stock": Cause(
        "ERP does not have that much stock", "Correct the quantity, or book the receipt in ERP first.", again=True
    ),
    "order_closed": Cause(
        "The order is closed in ERP", "Have it reopened there, then send it again; or settle it by hand.", again=True
    ),
    "order_state": Cause(
        "The order's status does not allow it", "Release or reopen it in ERP, then send it again.", again=True
    ),
    "order_open": Cause("The order is still a draft in ERP", "Change it there, and settle it here.", again=True),
    "state": Cause(
        "ERP did not finish it", "Look at the document in ERP: finish it there, or send it again.", again=True
    ),
    "not_taken": Cause(
        "ERP answered yes and kept the old value", "Look at the record in ERP; correct it there or send it again."
    ),
    "not_carried": Cause("This way carries no such message", "Key it by hand, and settle it here with its number."),
    "field_length": Cause("A text or number is too long for ERP", "Shorten it, then send it again."),
    "unit": Cause("ERP counts it in another unit", "Correct the unit or its mapping, then send it again."),
    "quantity": Cause("ERP does not take the quantity", "Read ERP's own words; correct it, then send it again."),
    "date": Cause("ERP does not take the date", "Correct the date, or have the period opened in ERP.", again=True),
    "lot": Cause("ERP does not take the lot", "Create or correct the lot in ERP, then send it again.", again=True),
    "item": Cause("ERP does not take the item", "Complete the item in ERP, then send it again.", again=True),
    "location": Cause("ERP does not take the place", "Correct the place or its mapping, then send it again."),
    "closed": Cause("It is closed in ERP", "Reopen it there and send it again, or settle it by hand.", again=True),
    "cancelled": Cause("It is cancelled in ERP", "Cancel it here too, or settle it by hand with a new document."),
    "draft": Cause("It is still a draft in ERP", "Finish it there, then send it again.", again=True),
    "validation": Cause("ERP refused it", "Read ERP's own words; correct what they name, then send it again."),
    "permission": Cause(
        "The login may not do this in ERP", "Have the right granted in ERP, then send all of them again.", again=True
    ),
    "timeout": Cause("ERP gave no answer", "ERP is asked what became of it; nothing is sent twice."),
    "server": Cause("ERP's server is in trouble", "ERP is asked what became of it; nothing is sent twice."),
    "conflict": Cause("The record changed while it was sent", "It is read and sent again by itself.", again=True),
    "duplicate": Cause("ERP holds it already", "Look at the document in ERP; settle it here with its number."),
    "user_error": Cause("ERP refused it", "Read ERP's own words; correct what they name, then send it again."),
    "user_warning": Cause(
        "ERP asks for a confirmation", "Key it by hand where somebody can answer, and settle it here."
    ),
    "request": Cause("ERP could not read the request", "Show the try to whoever looks after the connector."),
    "point_type": Cause("A result does not fit its characteristic", "Correct the result or the control in ERP."),
    "outputs": Cause("The order makes more than one product", "Book it in ERP, and settle it here."),
    "note": Cause("ERP did not keep our reference", "Send it again; if it stays, show it to IT.", again=True),
    "paging": Cause("ERP's list leads nowhere", "Show it to ERP's keepers; reading goes on at the next try."),
    "schedule_lines": Cause("The item has several delivery dates", "Change them in ERP, and settle it here."),
    "etag_missing": Cause("ERP does not say which version it has", "Show it to ERP's keepers.", again=True),
    "csrf": Cause("ERP renewed its session", "It is sent again by itself.", again=True),
    "confirmation": Cause("ERP refused the confirmation", "Read ERP's own words, correct it, then send it again."),
    "order": Cause("ERP refused it for this order", "Read ERP's own words; look at the order there.", again=True),
    "goods_movement": Cause("ERP refused the goods movement", "Read ERP's own words, correct it, send it again."),
    "material": Cause("ERP refused it for this material", "Complete it in ERP, then send it again.", again=True),
    "batch": Cause("ERP refused the batch", "Create or correct the batch in ERP, then send it again.", again=True),
    "purchasing": Cause("Purchasing refused it", "Read ERP's own words; look at the order there.", again=True),
    "sales": Cause("Sales refused it", "Read ERP's own words; look at the sales order there.", again=True),
    "quality": Cause("Quality management refused it", "Read ERP's own words; look at the lot there.", again=True),
    "maintenance": Cause("Maintenance refused it", "Read ERP's own words; look at the notification there.", again=True),
    "too_large": Cause("A message is too large", "Have ERP send less at once."),
    "unreadable": Cause("ERP's answer can't be read", "Show it to ERP's keepers; settle it by hand once it is known."),
    "namespace": Cause("ERP's message is of another kind", "Correct the interface on ERP's side."),
    "not_confirm": Cause("ERP's message answers nothing", "Correct the interface on ERP's side."),
}  # fmt: skip
#: Answers that came by themselves and could not be taken; nothing of the posting changed.
_ACKNOWLEDGEMENT: Final = Cause(
    "ERP's acknowledgement can't be taken",
    "Have ERP write it anew; or settle it by hand with what stands in ERP.",
)
OTHER: Final = Cause(
    "Refused by ERP", "Read ERP's own words; correct the posting or what stands in ERP, then send it again."
)


def explain(code: str, kind: str = "") -> Cause:
    """What `code` means on a connection of connector `kind`; `OTHER` for one nobody explained."""
    shared = CODES.get(code) or (
        _ACKNOWLEDGEMENT
        if code.startswith("erp.acknowledgement_")
        else next((ENDINGS[part] for part in reversed(code.split(".")[1:]) if part in ENDINGS), None)
    )
    own = port.profile_of(kind).codes.get(code) if kind else None
    if own is None:
        return shared or OTHER
    if shared is None:
        return Cause(_titled(code), own)
    return Cause(shared.title, own, shared.again)


def explained(code: str, kind: str = "") -> bool:
    """Whether somebody has said what `code` means."""
    return explain(code, kind) is not OTHER


def _titled(code: str) -> str:
    """A heading from a code only its connector explains: its last part in words."""
    return code.rsplit(".", 1)[-1].replace("_", " ").capitalize()
