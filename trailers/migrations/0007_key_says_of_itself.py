"""A key keeps what its device says of itself, until a second person makes it the trailer's."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trailers", "0006_refusal_hours"),
    ]

    operations = [
        migrations.AddField(
            model_name="trailerkey",
            name="audio_rate_hz",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="trailerkey",
            name="capabilities",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=16), null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name="trailerkey",
            name="serial",
            field=models.CharField(blank=True, max_length=64),
        ),
    ]
