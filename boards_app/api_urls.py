"""Addresses of the composed API, below /api/v1/."""

from django.urls import path

from boards_app import api

urlpatterns = [path("exceptions/<str:ref>/", api.ExceptionView.as_view(), name="api-exception")]
