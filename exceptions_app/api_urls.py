"""Addresses of the exceptions API, below /api/v1/."""

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_view

from exceptions_app import api, api_attachments, api_functions, api_learning

urlpatterns = [
    path("signals/", api.SignalsView.as_view(), name="signals"),
    path("signals/<int:pk>/", api.SignalView.as_view(), name="signal"),
    path("attachments/<int:pk>/", api_attachments.AttachmentView.as_view(), name="api-attachment"),
    path("accuracy/", api_learning.AccuracyView.as_view(), name="accuracy"),
    path("exceptions/", api.ExceptionsView.as_view(), name="exceptions"),
    path("exceptions/<str:ref>/acknowledge/", api.AcknowledgeView.as_view(), name="exception-acknowledge"),
    path("exceptions/<str:ref>/reroute/", api.RerouteView.as_view(), name="exception-reroute"),
    path(
        "exceptions/<str:ref>/functions/", api_functions.FunctionsView.as_view(), name="exception-functions"
    ),
    path("responses/<int:pk>/require/", api_functions.RequireView.as_view(), name="response-require"),
    path("responses/<int:pk>/remove/", api_functions.RemoveView.as_view(), name="response-remove"),
    *[
        path(
            f"responses/<int:pk>/{verb}/",
            extend_schema_view(post=extend_schema(operation_id=f"responses_{verb.replace('-', '_')}"))(
                type(f"Response{verb.title().replace('-', '')}View", (api.ResponseVerbView,), {"verb": verb})
            ).as_view(),
            name=f"response-{verb}",
        )
        for verb in api.VERBS
    ],
]
