"""The plant in the admin, one module per room. Lists that can be searched, related rows inside their owner."""

from plant_app.admin import access, catalogue, goods, live, orders, people, places

__all__ = ["access", "catalogue", "goods", "live", "orders", "people", "places"]
