from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "decisions_app"
    verbose_name = "Decisions"
