from django.apps import AppConfig


class PlantConfig(AppConfig):
    name = "plant_app"
    verbose_name = "Plant"
