"""Every address the product answers, composed from the apps. No view logic lives here."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from execlayer import health

PAGES = ("plant_app", "routing_app", "erp_sync", "exceptions_app", "decisions_app", "notify_app",
         "sequence_app", "metrics_app", "boards_app")  # fmt: skip


def _include(prefix: str, module: str) -> list[URLPattern | URLResolver]:
    return [path(prefix, include(module))] if find_spec(module) else []


urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    *_include("hooks/", "exceptions_app.hook_urls"),
]
for _app in PAGES:
    urlpatterns += _include("api/v1/", f"{_app}.api_urls")
for _app in PAGES:
    urlpatterns += _include("", f"{_app}.urls")
