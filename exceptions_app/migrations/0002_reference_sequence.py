"""The counter behind the human references (EX-2026-004217): a sequence, so that opening never waits for a neighbour."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("exceptions_app", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="CREATE SEQUENCE exception_ref_seq AS bigint START 1",
            reverse_sql="DROP SEQUENCE exception_ref_seq",
        )
    ]
