"""Each round of verification keeps the generation of the log's keys that it saw."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0008_questions")]

    operations = [
        migrations.AddField("Verification", "generation", models.IntegerField(db_default=0)),
    ]
