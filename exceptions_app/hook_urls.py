"""Addresses of the inbound webhooks, below /hooks/."""

from django.urls import path

from exceptions_app.hooks import WebhookView

urlpatterns = [path("<slug:code>/", WebhookView.as_view(), name="hook")]
