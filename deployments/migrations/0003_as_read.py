"""H2 in the database: what was read stands as it was read, and a decision, a consent, an assessment is a record."""

from django.db import migrations

AS_READ = """
CREATE FUNCTION deployments_as_read() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('draft', 'returned')
       AND ((NEW.applicant_id, NEW.agency_id, NEW.trailer_id, NEW.incident_id, NEW.risk_id, NEW.consent_id,
             NEW.aim, NEW.alternatives, NEW.starts_at, NEW.site, NEW.lat, NEW.lon, NEW.heading_deg,
             NEW.content_hash)
            IS DISTINCT FROM
            (OLD.applicant_id, OLD.agency_id, OLD.trailer_id, OLD.incident_id, OLD.risk_id, OLD.consent_id,
             OLD.aim, OLD.alternatives, OLD.starts_at, OLD.site, OLD.lat, OLD.lon, OLD.heading_deg,
             OLD.content_hash)
            -- An active deployment is only ever tightened; before that nothing of it moves.
            OR NOT (NEW.modules <@ OLD.modules AND NEW.hotlist_categories <@ OLD.hotlist_categories
                    AND NEW.ends_at <= OLD.ends_at)
            OR OLD.state <> 'active' AND (NEW.modules, NEW.hotlist_categories, NEW.ends_at)
               IS DISTINCT FROM (OLD.modules, OLD.hotlist_categories, OLD.ends_at)
            OR OLD.authorisation_id IS NOT NULL AND NEW.authorisation_id IS DISTINCT FROM OLD.authorisation_id)
    THEN
        RAISE EXCEPTION 'the content of a % deployment does not change', OLD.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
-- After the row's own constraints, which name their fault more exactly.
CREATE TRIGGER deployments_as_read AFTER UPDATE ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_as_read();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_as_read;
"""

RECORDS = """
CREATE FUNCTION deployments_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: it is a record', TG_OP, TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER deployments_record BEFORE UPDATE OR DELETE ON deployments_authorisation
    FOR EACH ROW EXECUTE FUNCTION deployments_record();
ALTER TABLE deployments_authorisation ENABLE ALWAYS TRIGGER deployments_record;
CREATE TRIGGER deployments_record BEFORE UPDATE OR DELETE ON deployments_riskassessment
    FOR EACH ROW EXECUTE FUNCTION deployments_record();
ALTER TABLE deployments_riskassessment ENABLE ALWAYS TRIGGER deployments_record;

CREATE FUNCTION deployments_consent_taken_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.agency_id, NEW.capacity, NEW.document_sha256, NEW.given_at, NEW.expires_at,
        NEW.recorded_by_id)
       IS DISTINCT FROM
       (OLD.id, OLD.agency_id, OLD.capacity, OLD.document_sha256, OLD.given_at, OLD.expires_at,
        OLD.recorded_by_id)
       OR OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at
    THEN
        RAISE EXCEPTION 'a consent is only ever taken back' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_consent_taken_back BEFORE UPDATE ON deployments_consent
    FOR EACH ROW EXECUTE FUNCTION deployments_consent_taken_back();
ALTER TABLE deployments_consent ENABLE ALWAYS TRIGGER deployments_consent_taken_back;
"""

UNDO = """
DROP FUNCTION deployments_as_read CASCADE;
DROP FUNCTION deployments_record CASCADE;
DROP FUNCTION deployments_consent_taken_back CASCADE;
"""


class Migration(migrations.Migration):
    """Triggers, always enabled."""

    dependencies = [("deployments", "0002_rules")]

    operations = [migrations.RunSQL(AS_READ + RECORDS, UNDO)]
