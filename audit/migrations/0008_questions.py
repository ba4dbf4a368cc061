"""Questions that a reader keeps under a name."""

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_erasure")]

    operations = [
        migrations.CreateModel(
            "SavedQuestion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("owner", models.CharField(max_length=128)),
                ("name", models.CharField(max_length=60)),
                ("text", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField()),
            ],
            options={"db_table": "audit_saved_question", "ordering": ("created_at", "id")},
        ),
        migrations.AddConstraint(
            "SavedQuestion",
            models.UniqueConstraint("owner", Lower("name"), name="saved_question_name_once"),
        ),
        migrations.RunSQL(
            "REVOKE ALL ON audit_saved_question FROM csoc_sequencer, csoc_publisher", migrations.RunSQL.noop
        ),
    ]
