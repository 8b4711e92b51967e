"""API addresses of the sequence."""

from django.urls import path

from sequence_app import api

urlpatterns = [
    path("sequence/", api.SequenceView.as_view(), name="api-sequence"),
    path("recommendations/<int:pk>/confirm/", api.ConfirmView.as_view(), name="api-recommendation-confirm"),
    path(
        "recommendations/<int:pk>/override/", api.OverrideView.as_view(), name="api-recommendation-override"
    ),
]
