from django.apps import AppConfig


class BoardsConfig(AppConfig):
    name = "boards_app"
    verbose_name = "Boards"
