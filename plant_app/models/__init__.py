"""What exists on the site: places, people, access, items, orders, live state and the exception catalogue.

One module per room; import from here.
"""

from plant_app.models.access import AccessGrant, AccessRole, ApiToken, Badge, Device, IdempotencyKey
from plant_app.models.catalogue import ExceptionType, ReasonCode, Severity, TypeFunction
from plant_app.models.items import (
    BomLine,
    Item,
    ItemAlternate,
    ItemGroup,
    Lot,
    MirrorMixin,
    StockLayer,
    StockLocation,
    StockRow,
    StockStatus,
)
from plant_app.models.live import (
    Constraint,
    ConstraintKind,
    Overlay,
    PlannedOperation,
    ResequenceRequest,
    UnitState,
    WorkUnitState,
)
from plant_app.models.masterchange import MasterChange
from plant_app.models.orders import (
    Customer,
    Delivery,
    DeliveryLine,
    MaterialNeed,
    Operation,
    OperationAlternate,
    OperationStatus,
    ProgressReport,
    PurchaseOrder,
    PurchaseOrderLine,
    SalesOrder,
    SalesOrderLine,
    Supplier,
    WorkOrder,
    WorkOrderStatus,
)
from plant_app.models.people import (
    Absence,
    Duty,
    DutyAssignment,
    Function,
    Qualification,
    Shift,
    Skill,
    Team,
    User,
)
from plant_app.models.places import Area, Enterprise, Site, WorkCentre, WorkUnit

__all__ = [
    "Absence", "AccessGrant", "AccessRole", "ApiToken", "Area", "Badge", "BomLine", "Constraint", "ConstraintKind",
    "Customer", "Delivery", "DeliveryLine", "Device", "Duty", "DutyAssignment", "Enterprise", "ExceptionType",
    "Function", "IdempotencyKey", "Item", "ItemAlternate", "ItemGroup", "Lot", "MasterChange", "MaterialNeed", "MirrorMixin",
    "Operation", "OperationAlternate", "OperationStatus", "Overlay", "PlannedOperation", "ProgressReport",
    "PurchaseOrder", "PurchaseOrderLine", "Qualification", "ReasonCode", "ResequenceRequest", "SalesOrder",
    "SalesOrderLine", "Severity", "Shift", "Site", "Skill", "StockLayer", "StockLocation", "StockRow", "StockStatus",
    "Supplier", "Team", "TypeFunction", "UnitState", "User", "WorkCentre", "WorkOrder", "WorkOrderStatus", "WorkUnit",
    "WorkUnitState",
]  # fmt: skip
