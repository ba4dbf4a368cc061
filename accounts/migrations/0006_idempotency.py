"""A repeated act of any app gets its first answer: the model moves here, its table stays as it is."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """State only; on a new database the alerts' first migration has made the table."""

    dependencies = [("accounts", "0005_sign_ins"), ("alerts", "0005_idempotency_leaves")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="IdempotentAnswer",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ("key", models.CharField(max_length=80)),
                        ("body_sha256", models.CharField(max_length=64)),
                        ("answer", models.JSONField()),
                        ("at", models.DateTimeField(db_index=True)),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="accounts.person",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "alerts_idempotentanswer",
                        "constraints": [
                            models.UniqueConstraint(fields=("person", "key"), name="answer_once_per_key")
                        ],
                    },
                )
            ]
        )
    ]
