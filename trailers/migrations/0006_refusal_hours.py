"""What was refused, by the hour, trailer and code: numbers for 30 days."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trailers", "0005_key_life"),
    ]

    operations = [
        migrations.CreateModel(
            name="RefusalHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=32)),
                ("hour", models.DateTimeField(db_index=True)),
                ("n", models.PositiveBigIntegerField()),
                ("last_at", models.DateTimeField()),
                (
                    "trailer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="trailers.trailer",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("trailer", "code", "hour"), name="refusalhour_once", nulls_distinct=False
                    )
                ],
            },
        ),
    ]
