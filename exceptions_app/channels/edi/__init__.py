"""EDI, pure: interchanges cut and checked, orders read, changes graded, answers written. No Django, no rows."""

from typing import Final

from exceptions_app.channels.port import Adapter, Setting

ADAPTER: Final = Adapter(
    code="edi",
    name="EDI orders (X12 850/860, EDIFACT ORDERS/ORDCHG)",
    channel="edi",
    path="/hooks/edi/{code}/",
    guide="EDI",
    answers=True,
    trusted=True,
    settings=(
        Setting(
            "partners",
            "Trading partners",
            "json",
            required=True,
            help='[{"id": "their interchange id", "customer": "our customer code", "our_id": "our interchange id", '
            '"items": {"their number": "our item"}, "units": {"CA": "12 pcs"}, "zone": "America/New_York"}]',
            default=[],
        ),
        Setting("folder", "Folder to take files from", help="empty: only HTTP"),
        Setting("out_folder", "Folder for answers", help="empty: out/ in the folder above"),
        Setting(
            "acknowledge", "Acknowledge what comes (997, CONTRL)", "yes_no", default=True,
        ),
        Setting(
            "settle_seconds", "A file is whole when its size has stood for so many seconds", "number", default=2,
        ),
    ),
    secrets=(
        Setting("signing", "Signing key", help="of the webhook's signature, whsec_…"),
        Setting("token", "Bearer token"),
        Setting("username", "Basic authentication: name"),
        Setting("password", "Basic authentication: password"),
        Setting("out_token", "Bearer token for the partner's address"),
    ),
)  # fmt: skip
