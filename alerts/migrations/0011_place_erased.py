"""A shot's place goes with its detail: of an erased alert kind, times and outcome stay, at the trailer's point."""

from django.db import migrations

SQL = """
CREATE OR REPLACE FUNCTION alerts_as_received() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.trailer_id, NEW.deployment_id, NEW.kind, NEW.seq, NEW.occurred_at, NEW.received_at,
        NEW.late)
       IS DISTINCT FROM
       (OLD.id, OLD.trailer_id, OLD.deployment_id, OLD.kind, OLD.seq, OLD.occurred_at, OLD.received_at,
        OLD.late)
    THEN
        RAISE EXCEPTION 'what an alert reported does not change' USING ERRCODE = 'check_violation';
    END IF;
    -- Its place may only become the deployment's own point, and only once its detail is erased.
    IF (NEW.lat, NEW.lon, NEW.uncertainty_m) IS DISTINCT FROM (OLD.lat, OLD.lon, OLD.uncertainty_m)
       AND (NEW.uncertainty_m IS NOT NULL
            OR EXISTS (SELECT FROM alerts_alertdetail WHERE alert_id = NEW.id)
            OR NOT EXISTS (SELECT FROM deployments_deployment d
                           WHERE d.id = NEW.deployment_id AND d.lat = NEW.lat AND d.lon = NEW.lon))
    THEN
        RAISE EXCEPTION 'what an alert reported does not change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- What was erased before this rule.
UPDATE alerts_alert a SET lat = d.lat, lon = d.lon, uncertainty_m = NULL, version = a.version + 1
FROM deployments_deployment d
WHERE d.id = a.deployment_id AND a.uncertainty_m IS NOT NULL
  AND NOT EXISTS (SELECT FROM alerts_alertdetail WHERE alert_id = a.id);
"""

UNDO = """
CREATE OR REPLACE FUNCTION alerts_as_received() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.trailer_id, NEW.deployment_id, NEW.kind, NEW.seq, NEW.occurred_at, NEW.received_at,
        NEW.lat, NEW.lon, NEW.uncertainty_m, NEW.late)
       IS DISTINCT FROM
       (OLD.id, OLD.trailer_id, OLD.deployment_id, OLD.kind, OLD.seq, OLD.occurred_at, OLD.received_at,
        OLD.lat, OLD.lon, OLD.uncertainty_m, OLD.late)
    THEN
        RAISE EXCEPTION 'what an alert reported does not change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    """The trigger of 0004, with one way out."""

    dependencies = [("alerts", "0010_hotlist_rules")]

    operations = [migrations.RunSQL(SQL, UNDO)]
