"""Addresses of the inbound webhooks, below /hooks/. The generic one comes last: its first part is the source's code."""

from django.urls import path

from exceptions_app.hooks import WebhookView
from exceptions_app.hooks_edi import EdiView
from exceptions_app.hooks_email import MailWebhookView
from exceptions_app.hooks_messengers import SlackView, TeamsView, TwilioView, WhatsAppView
from exceptions_app.hooks_monitoring import AlertsView, PagerDutyView

urlpatterns = [
    path("pagerduty/v2/enqueue", PagerDutyView.as_view(), name="hook-pagerduty"),
    path("alerts/<slug:code>/", AlertsView.as_view(), name="hook-alerts"),
    path("email/<slug:code>/", MailWebhookView.as_view(), name="hook-email"),
    path("edi/<slug:code>/", EdiView.as_view(), name="hook-edi"),
    path("whatsapp/<slug:code>/", WhatsAppView.as_view(), name="hook-whatsapp"),
    path("twilio/<slug:code>/", TwilioView.as_view(), name="hook-twilio"),
    path("slack/<slug:code>/", SlackView.as_view(), name="hook-slack"),
    path("teams/<slug:code>/", TeamsView.as_view(), name="hook-teams"),
    path("<slug:code>/", WebhookView.as_view(), name="hook"),
]
