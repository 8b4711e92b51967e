"""Addresses of the plant's read API, below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from plant_app import api, api_roster

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

urlpatterns = [
    path("duty/", api_roster.DutyView.as_view(), name="api-duty"),
    path("absences/", api_roster.AbsencesView.as_view(), name="api-absences"),
    path("absences/<int:pk>/back/", api_roster.BackView.as_view(), name="api-absence-back"),
    path("absences/<int:pk>/cover/", api_roster.CoverView.as_view(), name="api-absence-cover"),
    path("shifts/take/", api_roster.TakeView.as_view(), name="api-shift-take"),
    path("swaps/", api_roster.SwapsView.as_view(), name="api-swaps"),
    *(
        path(
            f"swaps/<int:pk>/{answer}/",
            api_roster.SwapAnswerView.as_view(answer=answer),
            name=f"api-swap-{answer}",
        )
        for answer in ("accept", "refuse", "withdraw")
    ),
    *router.urls,
]
