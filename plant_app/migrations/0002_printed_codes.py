import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("plant_app", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="anonymous_reports",
            field=models.BooleanField(
                default=False,
                help_text="whoever scans a printed code may report without saying who they are; such reports wait for a person",
            ),
        ),
        migrations.CreateModel(
            name="UnitCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(editable=False, max_length=12, unique=True)),
                ("created_at", models.DateTimeField(default=core.clock.now)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "revoked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "work_unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="codes",
                        to="plant_app.workunit",
                    ),
                ),
            ],
            options={
                "ordering": ("work_unit", "-created_at"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at", None)),
                        fields=("work_unit",),
                        name="unit_code_one_live_per_unit",
                    )
                ],
            },
        ),
    ]
