"""What trailers measure, how they are now, and the warnings of it."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

RULES = """
-- A point is what was measured: it is added and, after 30 days, deleted.
REVOKE UPDATE ON trailers_telemetry FROM csoc_app;
-- Of a warning only its end and who took it on are ever written again, and those once.
REVOKE UPDATE ON trailers_trailerwarning FROM csoc_app;
GRANT UPDATE (ended_at, acknowledged_by_id, acknowledged_at) ON trailers_trailerwarning TO csoc_app;
CREATE FUNCTION trailers_warning_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL
       OR OLD.acknowledged_by_id IS NOT NULL
          AND (NEW.acknowledged_by_id, NEW.acknowledged_at)
              IS DISTINCT FROM (OLD.acknowledged_by_id, OLD.acknowledged_at)
    THEN
        RAISE EXCEPTION 'a warning that is over, and who took it on, stay as they are';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER trailers_warning_stays BEFORE UPDATE ON trailers_trailerwarning
    FOR EACH ROW EXECUTE FUNCTION trailers_warning_stays();
ALTER TABLE trailers_trailerwarning ENABLE ALWAYS TRIGGER trailers_warning_stays;
"""
UNDO = """
DROP TRIGGER trailers_warning_stays ON trailers_trailerwarning;
DROP FUNCTION trailers_warning_stays();
GRANT UPDATE ON trailers_telemetry, trailers_trailerwarning TO csoc_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_idempotency"),
        ("trailers", "0003_missing_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="Condition",
            fields=[
                (
                    "trailer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="condition",
                        serialize=False,
                        to="trailers.trailer",
                    ),
                ),
                ("ts", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("said", models.JSONField(default=dict)),
                ("starting_since", models.DateTimeField(null=True)),
                ("dark_since", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Telemetry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ts", models.DateTimeField()),
                ("seq", models.BigIntegerField()),
                ("received_at", models.DateTimeField()),
                ("replayed", models.BooleanField(default=False)),
                ("battery_soc_pct", models.FloatField(null=True)),
                ("battery_v", models.FloatField(null=True)),
                ("battery_a", models.FloatField(null=True)),
                ("battery_c", models.FloatField(null=True)),
                ("solar_w", models.FloatField(null=True)),
                ("load_w", models.FloatField(null=True)),
                ("gen_state", models.CharField(max_length=10, null=True)),
                ("gen_hours_s", models.BigIntegerField(null=True)),
                ("fuel_pct", models.FloatField(null=True)),
                ("door_open", models.BooleanField(null=True)),
                ("tilt_deg", models.FloatField(null=True)),
                ("lat", models.FloatField(null=True)),
                ("lon", models.FloatField(null=True)),
                ("satellites", models.SmallIntegerField(null=True)),
                ("cabinet_c", models.FloatField(null=True)),
                ("health", models.JSONField(default=dict)),
                (
                    "trailer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="points",
                        to="trailers.trailer",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["ts"], name="telemetry_ts")],
                "constraints": [
                    models.UniqueConstraint(fields=("trailer", "ts", "seq"), name="telemetry_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("battery_soc_pct__isnull", True),
                            models.Q(("battery_soc_pct__gte", 0), ("battery_soc_pct__lte", 100)),
                            _connector="OR",
                        ),
                        name="telemetry_soc_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("fuel_pct__isnull", True),
                            models.Q(("fuel_pct__gte", 0), ("fuel_pct__lte", 100)),
                            _connector="OR",
                        ),
                        name="telemetry_fuel_range",
                    ),
                    models.CheckConstraint(condition=models.Q(("seq__gte", 0)), name="telemetry_seq_range"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrailerWarning",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=20)),
                ("level", models.CharField(choices=[("amber", "Amber"), ("red", "Red")], max_length=5)),
                ("value", models.FloatField(null=True)),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("acknowledged_at", models.DateTimeField(null=True)),
                (
                    "acknowledged_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.person",
                    ),
                ),
                (
                    "trailer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="warnings",
                        to="trailers.trailer",
                    ),
                ),
            ],
            options={
                "ordering": ("-started_at", "kind"),
                "indexes": [models.Index(fields=["trailer", "started_at"], name="warning_when")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("trailer", "kind"),
                        name="warning_open_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("level__in", ("amber", "red"))), name="warning_level_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at__isnull", True),
                            ("ended_at__gte", models.F("started_at")),
                            _connector="OR",
                        ),
                        name="warning_ends_later",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("acknowledged_at__isnull", True), ("acknowledged_by__isnull", True)),
                            models.Q(("acknowledged_at__isnull", False), ("acknowledged_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="warning_acknowledged_by_somebody",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
