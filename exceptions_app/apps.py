from django.apps import AppConfig


class ExceptionsConfig(AppConfig):
    name = "exceptions_app"
    verbose_name = "Exceptions"
