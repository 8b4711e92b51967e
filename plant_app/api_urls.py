"""Addresses of the plant's read API, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from plant_app import api

router = SimpleRouter()
router.register("sites", api.SiteViewSet, basename="site")
router.register("areas", api.AreaViewSet, basename="area")
router.register("work-centres", api.WorkCentreViewSet, basename="work-centre")
router.register("work-units", api.WorkUnitViewSet, basename="work-unit")
router.register("items", api.ItemViewSet, basename="item")
router.register("work-orders", api.WorkOrderViewSet, basename="work-order")
router.register("sales-orders", api.SalesOrderViewSet, basename="sales-order")
router.register("purchase-orders", api.PurchaseOrderViewSet, basename="purchase-order")
router.register("customers", api.CustomerViewSet, basename="customer")
router.register("suppliers", api.SupplierViewSet, basename="supplier")
router.register("functions", api.FunctionViewSet, basename="function")
router.register("people", api.PersonViewSet, basename="person")

urlpatterns = router.urls
