"""Whoever wrote an earlier term of a number does not authorise a later one, which carries their words."""

from django.db import migrations

WRITERS = """
CREATE FUNCTION deployments_writers_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM deployments_deployment d
        JOIN deployments_deployment before
          ON (before.year, before.serial) = (d.year, d.serial) AND before.term < d.term
        WHERE d.id = NEW.deployment_id
          AND (before.applicant_id = NEW.officer_id
               OR EXISTS (SELECT 1 FROM deployments_contribution
                          WHERE deployment_id = before.id AND person_id = NEW.officer_id))
    ) THEN
        RAISE EXCEPTION 'whoever wrote a term before it does not authorise it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_writers_before BEFORE INSERT ON deployments_authorisation
    FOR EACH ROW EXECUTE FUNCTION deployments_writers_before();
ALTER TABLE deployments_authorisation ENABLE ALWAYS TRIGGER deployments_writers_before;
"""


class Migration(migrations.Migration):
    """A trigger, always enabled. There is no way back, as for 0005."""

    dependencies = [("deployments", "0011_ends_stay")]

    operations = [migrations.RunSQL(WRITERS)]
