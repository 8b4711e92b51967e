"""Addresses of the composed API, below /api/v1/."""

from django.urls import path

from boards_app import api, api_backtest, api_why
from notify_app import drill_api, webhook_api, wishes_api

urlpatterns = [
    path("drills/", drill_api.DrillsView.as_view(), name="api-drills"),
    path("drills/<int:pk>/", drill_api.DrillView.as_view(), name="api-drill"),
    path("me/notifications/", wishes_api.WishesView.as_view(), name="api-my-notifications"),
    path("webhooks/deliveries/", webhook_api.DeliveriesView.as_view(), name="api-webhook-deliveries"),
    path("webhooks/deliveries/<int:pk>/", webhook_api.DeliveryView.as_view(), name="api-webhook-delivery"),
    path("webhooks/deliveries/<int:pk>/replay/", webhook_api.ReplayView.as_view(), name="api-webhook-replay"),
    path(
        "webhooks/endpoints/<int:pk>/replay/",
        webhook_api.ReplayFailedView.as_view(),
        name="api-webhook-replay-failed",
    ),
    path("rules/backtest/", api_backtest.BacktestView.as_view(), name="api-rules-backtest"),
    path("exceptions/<str:ref>/", api.ExceptionView.as_view(), name="api-exception"),
    path("exceptions/<str:ref>/why/", api_why.WhyView.as_view(), name="api-exception-why"),
]
