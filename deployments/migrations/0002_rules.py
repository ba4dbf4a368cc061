"""H1 to H3 in the database: allowed edges, four eyes, and an active deployment that really may be."""

from django.db import migrations

EDGES = """
CREATE FUNCTION deployments_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = OLD.state THEN
        -- H2: what was authorised stays what was read.
        IF OLD.state IN ('submitted', 'authorised', 'active') AND NEW.content_hash <> OLD.content_hash THEN
            RAISE EXCEPTION 'the content of a % deployment does not change', OLD.state
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.state, NEW.state) NOT IN (
        ('draft', 'submitted'), ('submitted', 'authorised'), ('submitted', 'refused'),
        ('submitted', 'returned'), ('returned', 'submitted'), ('authorised', 'active'),
        ('authorised', 'returned'), ('authorised', 'deactivated'), ('active', 'deactivated')
    ) THEN
        RAISE EXCEPTION 'a deployment does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_edge BEFORE UPDATE ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_edge();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_edge;

CREATE FUNCTION deployments_first_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'draft' THEN
        RAISE EXCEPTION 'a deployment begins as a draft' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_first_state BEFORE INSERT ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_first_state();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_first_state;
"""

STANDING = """
CREATE FUNCTION deployments_may_stand() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given deployments_authorisation;
    risk deployments_riskassessment;
    owner deployments_consent;
BEGIN
    IF NEW.state NOT IN ('authorised', 'active') OR NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    SELECT * INTO given FROM deployments_authorisation WHERE id = NEW.authorisation_id;
    IF given.deployment_id IS DISTINCT FROM NEW.id OR given.content_hash <> NEW.content_hash
       OR given.applicant_id <> NEW.applicant_id OR given.officer_id = NEW.applicant_id THEN
        RAISE EXCEPTION 'the authorisation is not by a second person on this content'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'active' THEN
        SELECT * INTO risk FROM deployments_riskassessment WHERE id = NEW.risk_id;
        SELECT * INTO owner FROM deployments_consent WHERE id = NEW.consent_id;
        IF risk.incident_id <> NEW.incident_id OR risk.score < risk.threshold
           OR NEW.activated_at >= risk.valid_until THEN
            RAISE EXCEPTION 'no current risk assessment at the threshold' USING ERRCODE = 'check_violation';
        END IF;
        IF owner.withdrawn_at IS NOT NULL OR NEW.activated_at >= owner.expires_at THEN
            RAISE EXCEPTION 'no valid consent of the owner' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.activated_at >= NEW.ends_at THEN
            RAISE EXCEPTION 'the term is over' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_may_stand BEFORE UPDATE ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_may_stand();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_may_stand;

CREATE FUNCTION deployments_four_eyes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.applicant_id IS DISTINCT FROM
       (SELECT applicant_id FROM deployments_deployment WHERE id = NEW.deployment_id) THEN
        RAISE EXCEPTION 'the authorisation names another applicant' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_four_eyes BEFORE INSERT OR UPDATE ON deployments_authorisation
    FOR EACH ROW EXECUTE FUNCTION deployments_four_eyes();
ALTER TABLE deployments_authorisation ENABLE ALWAYS TRIGGER deployments_four_eyes;
"""

UNDO = """
DROP FUNCTION deployments_edge CASCADE;
DROP FUNCTION deployments_first_state CASCADE;
DROP FUNCTION deployments_may_stand CASCADE;
DROP FUNCTION deployments_four_eyes CASCADE;
"""


class Migration(migrations.Migration):
    """Triggers, always enabled."""

    dependencies = [("deployments", "0001_initial")]

    operations = [migrations.RunSQL(EDGES + STANDING, UNDO)]
