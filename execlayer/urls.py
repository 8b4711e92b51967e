"""Every address the product answers, composed from the apps. No view logic lives here."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from boards_app.views import backtest
from execlayer import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    path("favicon.ico", RedirectView.as_view(url="/static/favicon.svg")),
    path("admin/routing_app/rule/backtest/", admin.site.admin_view(backtest.page), name="rules-backtest"),
    path("admin/", admin.site.urls),
    path("hooks/erp/", include("erp_sync.hook_urls")),
    path("hooks/", include("exceptions_app.hook_urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    path("api/v1/", include("plant_app.api_urls")),
    path("api/v1/", include("routing_app.api_urls")),
    path("api/v1/", include("erp_sync.api_urls")),
    path("api/v1/", include("exceptions_app.api_urls")),
    path("api/v1/", include("decisions_app.api_urls")),
    path("api/v1/", include("sequence_app.api_urls")),
    path("api/v1/", include("metrics_app.api_urls")),
    path("api/v1/", include("boards_app.api_urls")),
    path("", include("notify_app.urls")),
    path("", include("boards_app.urls")),
]
