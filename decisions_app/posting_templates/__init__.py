"""Posting templates: what ERP is to be told, built from an exception, its decision and a finished task.

Each builder returns an `Intended` posting, or None where the record lacks what the posting is about (no work order,
nothing changed). Payload shapes are `erp_sync.canonical`'s; which moment a posting describes (its `occurred_at`, the
start of the posting lag) is fixed per template. `BUILDERS` is the catalogue playbooks choose from.
"""

from decisions_app.posting_templates import changes, money, stock, work
from decisions_app.posting_templates.situation import Builder, Intended, Situation, expected_end, run_minutes

BUILDERS: dict[str, Builder] = {
    builder.__name__: builder
    for builder in (
        work.maintenance_open,
        work.maintenance_complete,
        work.confirm_part,
        work.confirm_rework,
        work.confirm_labour,
        work.move_operation,
        money.cost_downtime,
        money.cost_scrap,
        money.cost_rework,
        money.cost_premium,
        money.cost_overtime,
        money.charge_supplier,
        changes.date_work_order,
        changes.date_sales_line,
        changes.date_purchase_line,
        changes.quantity_work_order,
        changes.quantity_sales_line,
        changes.cancel_sales_line,
        changes.customer_answer,
        stock.block_stock,
        stock.unblock_stock,
        stock.scrap_stock,
        stock.transfer_stock,
        stock.issue_substitute,
        stock.return_supplier,
        stock.quality_open,
        stock.quality_complete,
    )
}

__all__ = ["BUILDERS", "Builder", "Intended", "Situation", "expected_end", "run_minutes"]
