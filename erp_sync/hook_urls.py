"""Addresses of the calls of ERPs, below /hooks/erp/."""

from django.urls import path

from erp_sync.hooks import AcknowledgementView

urlpatterns = [path("<slug:code>/", AcknowledgementView.as_view(), name="hook-erp")]
