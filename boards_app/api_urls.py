"""Addresses of the composed API, below /api/v1/."""

from django.urls import path

from boards_app import api, api_backtest, api_why
from notify_app import drill_api

urlpatterns = [
    path("drills/", drill_api.DrillsView.as_view(), name="api-drills"),
    path("drills/<int:pk>/", drill_api.DrillView.as_view(), name="api-drill"),
    path("rules/backtest/", api_backtest.BacktestView.as_view(), name="api-rules-backtest"),
    path("exceptions/<str:ref>/", api.ExceptionView.as_view(), name="api-exception"),
    path("exceptions/<str:ref>/why/", api_why.WhyView.as_view(), name="api-exception-why"),
]
