from django.apps import AppConfig


class SequenceConfig(AppConfig):
    name = "sequence_app"
    verbose_name = "Sequence"
