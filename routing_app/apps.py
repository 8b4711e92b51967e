"""Routing: facts in, route out."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing_app"
    verbose_name = "Routing"
    default_auto_field = "django.db.models.BigAutoField"
