"""Foreign keys are strings to the import linter, so their direction is checked here."""

from django.apps import apps
from django.conf import settings
from django.db.models import ForeignKey, ManyToManyField

# height of each package in the house; the two siblings share one and may not know each other
HEIGHT = {
    "core": 0,
    "plant_app": 1,
    "routing_app": 2,
    "erp_sync": 2,
    "exceptions_app": 3,
    "decisions_app": 4,
    "notify_app": 5,
    "sequence_app": 6,
    "metrics_app": 7,
    "boards_app": 8,
}


def test_every_product_app_has_its_height():
    assert set(settings.PRODUCT_APPS) == set(HEIGHT)


def test_relations_point_to_the_own_app_or_to_a_lower_one():
    wrong = []
    seen = 0
    for label in HEIGHT:
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            for field in model._meta.get_fields(include_hidden=True):
                if not isinstance(field, ForeignKey | ManyToManyField):
                    continue
                seen += 1
                target = field.related_model._meta.app_label
                if target in HEIGHT and target != label and HEIGHT[target] >= HEIGHT[label]:
                    wrong.append(f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}")
    assert wrong == []
    assert seen > 50  # the walk really walked


def test_migrations_depend_downwards_only():
    from django.db.migrations.loader import MigrationLoader

    wrong = [
        f"{name} -> {parent}"
        for name, migration in MigrationLoader(None).disk_migrations.items()
        for parent in migration.dependencies
        if name[0] in HEIGHT
        and parent[0] in HEIGHT
        and parent[0] != name[0]
        and HEIGHT[parent[0]] >= HEIGHT[name[0]]
    ]
    assert wrong == []
