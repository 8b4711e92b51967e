"""API addresses of routing, below /api/v1/."""

from django.urls import path

from routing_app.api import RuleTestView

urlpatterns = [path("rules/test/", RuleTestView.as_view(), name="api-rules-test")]
