"""What the simulated Odoo's buttons do, and its stock.

Owns the rules that matter to the connector: windows instead of effects, reservation, what is deleted when it is empty.
Must not know: protocols, HTTP.
"""

from typing import Any

from tests.odoo_plant import Refusal, Row, below


class Buttons:
    """Mixed into the server: one method a button, `_<model>__<button>`."""

    tables: dict[str, dict[int, Row]]
    #: Odoo's own default: what is confirmed is reserved, out of whatever bins and lots Odoo likes.
    reserve_at_once = False

    def rows(self, model: str) -> list[Row]:
        raise NotImplementedError

    def add(self, model: str, **values: Any) -> int:
        raise NotImplementedError

    def stamp(self) -> str:
        raise NotImplementedError

    def _row(self, model: str, record: int) -> Row:
        raise NotImplementedError

    @staticmethod
    def window(model: str) -> Row:
        return {
            "type": "ir.actions.act_window",
            "res_model": model,
            "name": "Please confirm",
            "target": "new",
        }

    def _mrp_production__set_qty_producing(self, row: Row, context: Row) -> None:
        for move in self.rows("stock.move"):
            if move["raw_material_production_id"] == row["id"]:
                move["quantity"] = move["product_uom_qty"] / row["product_qty"] * row["qty_producing"]

    def _mrp_production__button_mark_done(self, row: Row, context: Row) -> Any:
        if row["state"] in ("done", "cancel"):
            raise Refusal("UserError", f"The order {row['name']} is already {row['state']}.")
        if not row["qty_producing"]:
            raise Refusal("UserError", "The quantity to produce must be positive!")
        moves = [m for m in self.rows("stock.move") if m["raw_material_production_id"] == row["id"]]
        share = row["qty_producing"] / row["product_qty"]
        odd = any(abs(m["quantity"] - m["product_uom_qty"] * share) > 1e-6 for m in moves)
        if odd and not context.get("skip_consumption"):
            return self.window("mrp.consumption.warning")
        if row["qty_producing"] < row["product_qty"] and not context.get("skip_backorder"):
            return self.window("mrp.production.backorder")
        for move in moves:
            self._put(move["product_id"], row["location_src_id"], False, -move["quantity"])
            move["state"] = "done"
        self._put(row["product_id"], row["location_dest_id"], self._lot_of(row), row["qty_producing"])
        row |= {"state": "done", "qty_produced": row["qty_producing"], "date_finished": self.stamp()}
        row["write_date"] = self.stamp()
        return True

    def _lot_of(self, row: Row) -> Any:
        lots = row.get("lot_producing_ids") or row.get("lot_producing_id")
        return lots[0] if isinstance(lots, list) else lots

    def _mrp_unbuild__action_validate(self, row: Row, context: Row) -> Any:
        order = self._row("mrp.production", row["mo_id"])
        place = order["location_dest_id"]
        if self._free(row["product_id"], place, row["lot_id"]) < row["product_qty"]:
            return self.window("stock.warn.insufficient.qty.unbuild")
        self._put(row["product_id"], place, row["lot_id"], -row["product_qty"])
        for move in self.rows("stock.move"):
            if move["raw_material_production_id"] == order["id"]:
                self._put(move["product_id"], order["location_src_id"], False, move["quantity"])
        row |= {"state": "done", "write_date": self.stamp()}
        return True

    def _stock_scrap__action_validate(self, row: Row, context: Row) -> Any:
        if row["state"] == "done":
            return True
        if self._free(row["product_id"], row["location_id"], row["lot_id"]) < row["scrap_qty"]:
            return self.window("stock.warn.insufficient.qty.scrap")
        self._put(row["product_id"], row["location_id"], row["lot_id"], -row["scrap_qty"])
        row |= {"state": "done", "date_done": self.stamp(), "write_date": self.stamp()}
        return True

    def _stock_picking__action_confirm(self, row: Row, context: Row) -> bool:
        if row["state"] == "draft":
            row |= {"state": "confirmed", "write_date": self.stamp()}
            if self.reserve_at_once:
                self._stock_picking__action_assign(row, context)
        return True

    def _moves(self, row: Row) -> list[Row]:
        return [move for move in self.rows("stock.move") if move["picking_id"] == row["id"]]

    def _stock_picking__action_assign(self, row: Row, context: Row) -> None:
        """Returns nothing, which is what XML-RPC can't say. One line for each bin and lot it takes from."""
        for move in self._moves(row):
            left = move["product_uom_qty"] - sum(
                line["quantity"] for line in self._lines(row) if line["move_id"] == move["id"]
            )
            for held in self.rows("stock.quant"):
                take = min(held["quantity"] - held["reserved_quantity"], left)
                here = held["product_id"] == move["product_id"] and below(
                    self, held["location_id"], row["location_id"]
                )
                if here and take > 0:
                    left -= take
                    self.add("stock.move.line", picking_id=row["id"], move_id=move["id"], quantity=take,
                             product_id=move["product_id"], location_id=held["location_id"],
                             lot_id=held["lot_id"], location_dest_id=row["location_dest_id"],
                             state="assigned")  # fmt: skip
        self._assigned(row)

    def _assigned(self, row: Row) -> None:
        wanted = sum(move["product_uom_qty"] for move in self._moves(row))
        held = sum(line["quantity"] for line in self._lines(row))
        if row["state"] in ("confirmed", "waiting", "assigned"):
            row |= {"state": "assigned" if held >= wanted else "confirmed", "write_date": self.stamp()}

    def _lines(self, row: Row) -> list[Row]:
        return [line for line in self.rows("stock.move.line") if line["picking_id"] == row["id"]]

    def _stock_picking__button_validate(self, row: Row, context: Row) -> Any:
        if row["state"] != "assigned":
            raise Refusal("UserError", "You can't validate a transfer where nothing is reserved.")
        for line in self._lines(row):
            self._put(line["product_id"], line["location_id"], line["lot_id"], -line["quantity"])
            self._put(line["product_id"], line["location_dest_id"], line["lot_id"], line["quantity"])
            line |= {"state": "done", "write_date": self.stamp()}
        row |= {"state": "done", "date_done": self.stamp(), "write_date": self.stamp()}
        return True

    def _stock_picking__action_cancel(self, row: Row, context: Row) -> bool:
        if row["state"] == "done":
            raise Refusal("UserError", "You cannot cancel a transfer that is done.")
        for line in self._lines(row):
            del self.tables["stock.move.line"][line["id"]]
        row |= {"state": "cancel", "write_date": self.stamp()}
        return True

    def _maintenance_request__archive_equipment_request(self, row: Row, context: Row) -> None:
        row |= {"archive": True, "write_date": self.stamp()}

    def _free(self, product: int, place: int, lot: Any) -> float:
        return sum(
            r["quantity"] - r["reserved_quantity"]
            for r in self.rows("stock.quant")
            if r["product_id"] == product and r["location_id"] == place and (not lot or r["lot_id"] == lot)
        )

    def _put(self, product: int, place: int, lot: Any, quantity: float) -> None:
        """Odoo deletes what becomes empty, and goes below zero where nobody stops it."""
        for row in self.rows("stock.quant"):
            if (row["product_id"], row["location_id"], row["lot_id"]) == (product, place, lot or False):
                row |= {"quantity": row["quantity"] + quantity, "write_date": self.stamp()}
                if not row["quantity"]:
                    del self.tables["stock.quant"][row["id"]]
                return
        self.add("stock.quant", product_id=product, location_id=place, lot_id=lot or False,
                 quantity=quantity, reserved_quantity=0.0)  # fmt: skip
