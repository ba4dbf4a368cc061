"""The clip of a shot and the crop of a plate: kept or refused, once, in time, and gone with the detail."""

import django.db.models.deletion
from django.db import migrations, models

SQL = """
ALTER TABLE alerts_alertmedia ADD CONSTRAINT media_small
    CHECK (octet_length(sealed) <= 1000000 AND octet_length(facts) <= 4096);
-- Sealed bytes do not compress: do not try.
ALTER TABLE alerts_alertmedia ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE FUNCTION alerts_media_announced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    a alerts_alert%ROWTYPE;
BEGIN
    -- Shared: a plate that is rejected at this moment waits for us, or we see it.
    SELECT * INTO a FROM alerts_alert WHERE id = NEW.alert_id FOR SHARE;
    IF (NEW.kind, a.kind) NOT IN (('clip', 'gunshot'), ('crop', 'alpr_hit')) THEN
        RAISE EXCEPTION 'a % does not belong to a %', NEW.kind, a.kind USING ERRCODE = 'check_violation';
    END IF;
    IF a.plate_decision = 'reject' OR 'detail-expired' = ANY (a.flags) THEN
        RAISE EXCEPTION 'nothing more of this alert is kept' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.at > a.received_at + interval '15 minutes' THEN
        RAISE EXCEPTION 'too late for a % of this alert', NEW.kind USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM alerts_alertdetail d WHERE d.alert_id = NEW.alert_id AND d.epoch = NEW.epoch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a % lives as long as the detail of its alert', NEW.kind
            USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM deployments_deployment d
    JOIN deployments_deployment was ON was.id = a.deployment_id
    JOIN deployments_consent c ON c.id = d.consent_id
    WHERE d.trailer_id = a.trailer_id AND (d.year, d.serial) = (was.year, was.serial)
      AND d.agency_id = a.agency_id AND d.state = 'active' AND d.starts_at <= NEW.at AND NEW.at < d.ends_at
      AND c.withdrawn_at IS NULL AND NEW.at < c.expires_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a % is taken only under an active deployment', NEW.kind
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alerts_media_announced BEFORE INSERT ON alerts_alertmedia
    FOR EACH ROW EXECUTE FUNCTION alerts_media_announced();
ALTER TABLE alerts_alertmedia ENABLE ALWAYS TRIGGER alerts_media_announced;

CREATE FUNCTION alerts_media_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a clip or crop is kept as it came, or deleted' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER alerts_media_stays BEFORE UPDATE ON alerts_alertmedia
    FOR EACH ROW EXECUTE FUNCTION alerts_media_stays();
ALTER TABLE alerts_alertmedia ENABLE ALWAYS TRIGGER alerts_media_stays;

-- H9: whoever rejects a plate, by whatever way, deletes its crop in the same transaction.
CREATE FUNCTION alerts_reject_deletes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM alerts_alertmedia WHERE alert_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER alerts_reject_deletes AFTER UPDATE OF plate_decision ON alerts_alert
    FOR EACH ROW WHEN (NEW.plate_decision = 'reject') EXECUTE FUNCTION alerts_reject_deletes();
ALTER TABLE alerts_alert ENABLE ALWAYS TRIGGER alerts_reject_deletes;
"""

UNDO = """
DROP TRIGGER alerts_reject_deletes ON alerts_alert;
DROP FUNCTION alerts_reject_deletes;
DROP FUNCTION alerts_media_announced CASCADE;
DROP FUNCTION alerts_media_stays CASCADE;
"""


class Migration(migrations.Migration):
    """A table and its triggers, always enabled."""

    dependencies = [("alerts", "0006_numbers")]

    operations = [
        migrations.CreateModel(
            name="AlertMedia",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(choices=[("clip", "Clip"), ("crop", "Crop")], max_length=4)),
                ("at", models.DateTimeField()),
                ("epoch", models.DateTimeField(db_index=True)),
                ("facts", models.BinaryField(null=True)),
                ("sealed", models.BinaryField(null=True)),
                ("code", models.CharField(blank=True, max_length=32)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="media", to="alerts.alert"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("alert", "kind"), name="media_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("clip", "crop"))), name="media_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("code", ""), ("facts__isnull", False), ("sealed__isnull", False)),
                            models.Q(
                                models.Q(("code", ""), _negated=True),
                                ("facts__isnull", True),
                                ("sealed__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="media_kept_or_refused",
                    ),
                ],
            },
        ),
        migrations.RunSQL(SQL, UNDO),
    ]
