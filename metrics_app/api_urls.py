"""API addresses of the metrics."""

from django.urls import path

from metrics_app import api

urlpatterns = [path("metrics/", api.MetricsView.as_view(), name="api-metrics")]
