"""H4 and the alert's life in the database."""

from django.db import migrations

SQL = """
CREATE FUNCTION alerts_only_deployed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM deployments_deployment d JOIN deployments_consent c ON c.id = d.consent_id
    WHERE d.id = NEW.deployment_id AND d.trailer_id = NEW.trailer_id AND d.agency_id = NEW.agency_id
      AND d.state = 'active' AND d.starts_at <= NEW.received_at AND NEW.received_at < d.ends_at
      AND c.withdrawn_at IS NULL AND NEW.received_at < c.expires_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an alert stands only under an active deployment' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> 'unacknowledged' THEN
        RAISE EXCEPTION 'an alert begins unacknowledged' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alerts_only_deployed BEFORE INSERT ON alerts_alert
    FOR EACH ROW EXECUTE FUNCTION alerts_only_deployed();
ALTER TABLE alerts_alert ENABLE ALWAYS TRIGGER alerts_only_deployed;

CREATE FUNCTION alerts_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('unacknowledged', 'acknowledged'), ('acknowledged', 'unacknowledged'), ('acknowledged', 'closed')
    ) THEN
        RAISE EXCEPTION 'an alert does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.version < OLD.version OR (NEW.state <> OLD.state AND NEW.version = OLD.version) THEN
        RAISE EXCEPTION 'the version of an alert rises with its state' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'acknowledged' AND NEW.state = 'acknowledged'
       AND NEW.acknowledged_by_id <> OLD.acknowledged_by_id THEN
        RAISE EXCEPTION 'the first acknowledgement stands' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alerts_edge BEFORE UPDATE ON alerts_alert
    FOR EACH ROW EXECUTE FUNCTION alerts_edge();
ALTER TABLE alerts_alert ENABLE ALWAYS TRIGGER alerts_edge;
"""

UNDO = "DROP FUNCTION alerts_only_deployed CASCADE; DROP FUNCTION alerts_edge CASCADE;"


class Migration(migrations.Migration):
    """Triggers, always enabled."""

    dependencies = [("alerts", "0002_initial")]

    operations = [migrations.RunSQL(SQL, UNDO)]
