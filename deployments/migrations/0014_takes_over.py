"""A renewal follows a term that still stands (H1); who recorded the incident wrote a part of what is read."""

from django.db import migrations

TAKES_OVER = """
CREATE FUNCTION deployments_takes_over() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before deployments_deployment;
BEGIN
    IF NEW.term = 1 OR NEW.state <> 'active' OR OLD.state = 'active' THEN
        RETURN NEW;
    END IF;
    SELECT * INTO before FROM deployments_deployment WHERE id = NEW.renews_id;
    IF before.state <> 'deactivated' OR before.deactivation_reason <> 'renewed'
       OR before.ends_at <= NEW.activated_at THEN
        RAISE EXCEPTION 'a renewal takes over from a term that stands' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_takes_over BEFORE UPDATE ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_takes_over();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_takes_over;
"""

RECORDED = """
CREATE FUNCTION deployments_incident_writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM deployments_deployment d JOIN deployments_incident i ON i.id = d.incident_id
        WHERE d.id = NEW.deployment_id AND i.recorded_by_id = NEW.officer_id
    ) THEN
        RAISE EXCEPTION 'whoever recorded the incident does not authorise it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_incident_writer BEFORE INSERT ON deployments_authorisation
    FOR EACH ROW EXECUTE FUNCTION deployments_incident_writer();
ALTER TABLE deployments_authorisation ENABLE ALWAYS TRIGGER deployments_incident_writer;
"""


class Migration(migrations.Migration):
    """Triggers, always enabled. There is no way back, as for 0005."""

    dependencies = [("deployments", "0013_as_sent")]

    operations = [migrations.RunSQL(TAKES_OVER + RECORDED)]
