from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "notify_app"
    verbose_name = "Notices"
