"""What a trailer reported stands as it was received: the gate of live view rests on it."""

from django.db import migrations

SQL = """
CREATE FUNCTION alerts_as_received() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER alerts_as_received BEFORE UPDATE ON alerts_alert
    FOR EACH ROW EXECUTE FUNCTION alerts_as_received();
ALTER TABLE alerts_alert ENABLE ALWAYS TRIGGER alerts_as_received;
"""


class Migration(migrations.Migration):
    """A trigger, always enabled."""

    dependencies = [("alerts", "0003_rules")]

    operations = [migrations.RunSQL(SQL, "DROP FUNCTION alerts_as_received CASCADE;")]
