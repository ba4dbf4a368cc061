"""The numbers of trailers' alerts: which came, and which are missing."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0005_idempotency_leaves"),
        ("trailers", "0003_missing_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="NumberCount",
            fields=[
                (
                    "trailer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="trailers.trailer",
                    ),
                ),
                ("top", models.PositiveBigIntegerField()),
                ("top_occurred_at", models.DateTimeField(null=True)),
                ("odd", models.PositiveBigIntegerField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SeenNumber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seq", models.PositiveBigIntegerField()),
                ("at", models.DateTimeField()),
                ("occurred_at", models.DateTimeField(null=True)),
                ("code", models.CharField(blank=True, max_length=32)),
                (
                    "trailer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="trailers.trailer"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="NumberGap",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first", models.PositiveBigIntegerField()),
                ("last", models.PositiveBigIntegerField()),
                ("since", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "end",
                    models.CharField(
                        blank=True,
                        choices=[("filled", "Filled"), ("restarted", "Restarted"), ("lapsed", "Lapsed")],
                        max_length=10,
                    ),
                ),
                (
                    "alert",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="alerts.alert",
                    ),
                ),
                (
                    "trailer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="trailers.trailer"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["trailer"],
                        name="numbergap_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("first__lte", models.F("last"))), name="numbergap_order"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("end", ""), ("ended_at__isnull", True)),
                            models.Q(("ended_at__isnull", False), models.Q(("end", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="numbergap_end_has_reason",
                    ),
                ],
            },
        ),
        # Filled and emptied all the time: vacuum it by count, not by share.
        migrations.RunSQL(
            "ALTER TABLE alerts_seennumber"
            " SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)",
            migrations.RunSQL.noop,
        ),
    ]
