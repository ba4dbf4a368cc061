"""More gaps in a trailer's count than are followed one by one are one row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0011_place_erased"),
    ]

    operations = [
        migrations.AddField(
            model_name="numbergap",
            name="many",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="numbergap",
            name="end",
            field=models.CharField(
                blank=True,
                choices=[
                    ("filled", "Filled"),
                    ("restarted", "Restarted"),
                    ("lapsed", "Lapsed"),
                    ("merged", "Merged"),
                ],
                max_length=10,
            ),
        ),
    ]
