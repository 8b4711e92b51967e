"""All benches by the name their cases carry, and which cases each of them plays."""

from __future__ import annotations

from collections.abc import Iterable

from tests.erp_sync.conformance import (
    bc_bench,
    cases,
    cases_back,
    cases_seeing,
    erpnext_bench,
    exchange_benches,
    ledger_bench,
    odoo_bench,
    sample_bench,
    sap_bench,
    tryton_bench,
)
from tests.erp_sync.conformance.bench import Bench
from tests.erp_sync.conformance.registry import CASES

__all__ = ["ALL", "LIVE", "SIMULATED", "cases", "cases_back", "cases_seeing", "named", "played"]

SIMULATED: dict[str, type[Bench]] = {
    "sap": sap_bench.Sap,
    "odoo": odoo_bench.Odoo,
    "odoo_xmlrpc": odoo_bench.OdooXmlRpc,
    "business_central": bc_bench.BusinessCentral,
    "erpnext": erpnext_bench.ErpNext,
    "erpnext_unique": erpnext_bench.ErpNextUnique,
    "webhook": exchange_benches.Webhook,
    "filedrop": exchange_benches.FileDrop,
    "b2mml_http": exchange_benches.B2mmlHttp,
    "b2mml_folder": exchange_benches.B2mmlFolder,
    "abacus": sample_bench.AbacusBench,
    "ledger": ledger_bench.Ledger,
}
#: Played against the real product, in a module of their own.
LIVE: dict[str, type[Bench]] = {"tryton": tryton_bench.TrytonBench}
ALL: dict[str, type[Bench]] = SIMULATED | LIVE


def played(connectors: Iterable[str]) -> list[tuple[str, str]]:
    """(connector, case) of every case a connector has, one connector after the other."""
    return [(name, case) for name in connectors for case in CASES if case not in ALL[name].absent]


def named(value: object) -> str:
    return str(value)
