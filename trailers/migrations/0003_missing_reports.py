"""How many of a trailer's reports are missing, as intake counts them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trailers", "0002_standing"),
    ]

    operations = [
        migrations.AddField(
            model_name="trailerstatus",
            name="missing_reports",
            field=models.PositiveBigIntegerField(default=0),
        ),
    ]
