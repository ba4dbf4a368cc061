"""The outbox of hand-offs: only of acknowledged alerts, and what was handed off stays on record."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

SQL = """
CREATE FUNCTION hand_off_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM alerts_alert a JOIN accounts_person p ON p.id = NEW.person_id
    WHERE a.id = NEW.alert_id AND a.state = 'acknowledged' AND a.plate_decision <> 'reject'
      AND p.agency_id = a.agency_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only an acknowledged alert is handed off, by somebody of its agency'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> 'queued' THEN
        RAISE EXCEPTION 'a hand-off begins queued' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hand_off_gate BEFORE INSERT ON alerts_handoff FOR EACH ROW EXECUTE FUNCTION hand_off_gate();
ALTER TABLE alerts_handoff ENABLE ALWAYS TRIGGER hand_off_gate;

CREATE FUNCTION hand_off_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'what was handed off stays on record' USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.id, NEW.alert_id, NEW.target, NEW.number, NEW.person_id, NEW.at, NEW.epoch)
       IS DISTINCT FROM (OLD.id, OLD.alert_id, OLD.target, OLD.number, OLD.person_id, OLD.at, OLD.epoch)
       OR NEW.sealed IS DISTINCT FROM OLD.sealed AND NEW.sealed <> ''
    THEN
        RAISE EXCEPTION 'what was handed off does not change' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state IN ('delivered', 'failed') AND (NEW.state, NEW.settled_at, NEW.fault, NEW.attempts)
       IS DISTINCT FROM (OLD.state, OLD.settled_at, OLD.fault, OLD.attempts)
    THEN
        RAISE EXCEPTION 'a settled hand-off stays settled' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hand_off_record BEFORE UPDATE OR DELETE ON alerts_handoff
    FOR EACH ROW EXECUTE FUNCTION hand_off_record();
ALTER TABLE alerts_handoff ENABLE ALWAYS TRIGGER hand_off_record;
"""

UNDO = "DROP FUNCTION hand_off_gate CASCADE; DROP FUNCTION hand_off_record CASCADE;"


class Migration(migrations.Migration):
    """A table and its triggers, always enabled."""

    dependencies = [
        ("accounts", "0006_idempotency"),
        ("alerts", "0007_media"),
    ]

    operations = [
        migrations.CreateModel(
            name="HandOff",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("target", models.CharField(choices=[("file", "File"), ("cad", "Cad")], max_length=4)),
                ("number", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("sent", "Sent"),
                            ("delivered", "Delivered"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=9,
                    ),
                ),
                ("fault", models.CharField(blank=True, max_length=24)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("tried_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                ("epoch", models.DateTimeField(db_index=True)),
                ("sealed", models.BinaryField()),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="hand_offs",
                        to="alerts.alert",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="hand_off_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("alert", "target", "number"), name="hand_off_numbered"),
                    models.CheckConstraint(
                        condition=models.Q(("target__in", ("file", "cad"))), name="hand_off_target_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_at__isnull", True), ("state__in", ("queued", "sent"))),
                            models.Q(
                                ("due_at__isnull", True),
                                ("settled_at__isnull", False),
                                ("state__in", ("delivered", "failed")),
                            ),
                            _connector="OR",
                        ),
                        name="hand_off_settled_when_over",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("target", "cad"),
                            models.Q(("attempts", 0), ("due_at__isnull", True)),
                            _connector="OR",
                        ),
                        name="hand_off_file_is_fetched",
                    ),
                ],
            },
        ),
        migrations.RunSQL(SQL, UNDO),
    ]
