"""Addresses of the inbound webhooks, below /hooks/. The generic one comes last: its first part is the source's code."""

from django.urls import path

from exceptions_app.hooks import WebhookView
from exceptions_app.hooks_monitoring import AlertsView, PagerDutyView

urlpatterns = [
    path("pagerduty/v2/enqueue", PagerDutyView.as_view(), name="hook-pagerduty"),
    path("alerts/<slug:code>/", AlertsView.as_view(), name="hook-alerts"),
    path("<slug:code>/", WebhookView.as_view(), name="hook"),
]
