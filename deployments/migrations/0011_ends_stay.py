"""What the proofs found open by SQL: an end, a version and a decision are as final as a content."""

from django.db import migrations

#: The row itself: what a step wrote down stays, and no number goes back.
STEPS_STAY = """
CREATE FUNCTION deployments_steps_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version < OLD.version THEN
        RAISE EXCEPTION 'the version of a deployment does not fall' USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.unit_id, NEW.created_at) IS DISTINCT FROM (OLD.unit_id, OLD.created_at)
       OR OLD.record IS NOT NULL AND NEW.record IS DISTINCT FROM OLD.record
       OR OLD.state IN ('active', 'deactivated', 'refused')
          AND (NEW.submitted_at, NEW.activated_at) IS DISTINCT FROM (OLD.submitted_at, OLD.activated_at)
       OR NEW.activated_at IS DISTINCT FROM OLD.activated_at
          AND NOT (OLD.state = 'authorised' AND NEW.state = 'active') THEN
        RAISE EXCEPTION 'what a deployment began with stays' USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.deactivated_at, NEW.deactivated_by_id, NEW.deactivation_reason)
       IS DISTINCT FROM (OLD.deactivated_at, OLD.deactivated_by_id, OLD.deactivation_reason)
       AND NOT (NEW.state = 'deactivated' AND OLD.state <> 'deactivated') THEN
        RAISE EXCEPTION 'an end is written once, with the end' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_steps_stay BEFORE UPDATE ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_steps_stay();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_steps_stay;
"""

#: H2: an authorisation is of a version that was sent, by who decided so, and there is one of it.
ONE_DECISION = """
CREATE FUNCTION deployments_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked deployments_deployment;
BEGIN
    -- Whoever else decides at this moment waits, and then finds this one.
    SELECT * INTO asked FROM deployments_deployment WHERE id = NEW.deployment_id FOR UPDATE;
    IF asked.state IS DISTINCT FROM 'submitted' OR NOT EXISTS (
        SELECT 1 FROM deployments_submission s JOIN deployments_decision d
            ON d.deployment_id = s.deployment_id AND d.version = s.version AND d.content_hash = s.content_hash
        WHERE s.deployment_id = NEW.deployment_id AND s.version = asked.version
          AND s.content_hash = NEW.content_hash AND d.verdict = 'authorise' AND d.officer_id = NEW.officer_id
          AND d.at = NEW.authorised_at
    ) THEN
        RAISE EXCEPTION 'an authorisation is the decision on a version that was sent'
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM deployments_authorisation
               WHERE deployment_id = NEW.deployment_id AND authorised_at >= asked.submitted_at) THEN
        RAISE EXCEPTION 'this version was authorised already' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- After four_eyes in the alphabet too, so that who it is comes before what it is.
CREATE TRIGGER deployments_once BEFORE INSERT ON deployments_authorisation
    FOR EACH ROW EXECUTE FUNCTION deployments_decided_once();
ALTER TABLE deployments_authorisation ENABLE ALWAYS TRIGGER deployments_once;
"""

#: A link begins unanswered, is ended for good, and a yes to it is a consent to exactly what it asked.
LINKS = """
CREATE FUNCTION deployments_link_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.answer <> '' OR NEW.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'a consent link begins open' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_link_begins BEFORE INSERT ON deployments_consentrequest
    FOR EACH ROW EXECUTE FUNCTION deployments_link_begins();
ALTER TABLE deployments_consentrequest ENABLE ALWAYS TRIGGER deployments_link_begins;

CREATE FUNCTION deployments_link_scope() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given deployments_consent;
BEGIN
    IF OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at
       OR (NEW.site, NEW.address, NEW.capacity, NEW.expires_at, NEW.made_by_id)
       IS DISTINCT FROM (OLD.site, OLD.address, OLD.capacity, OLD.expires_at, OLD.made_by_id) THEN
        RAISE EXCEPTION 'a consent link asks what it asked, and ends for good' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.answer = 'given' AND OLD.answer = '' THEN
        SELECT * INTO given FROM deployments_consent WHERE id = NEW.consent_id;
        IF (given.modules, given.lat, given.lon, given.expires_at, given.method, given.record)
           IS DISTINCT FROM (NEW.modules, NEW.lat, NEW.lon, NEW.until, 'link', NEW.record) THEN
            RAISE EXCEPTION 'a consent by a link is to exactly what it asked'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_link_scope BEFORE UPDATE ON deployments_consentrequest
    FOR EACH ROW EXECUTE FUNCTION deployments_link_scope();
ALTER TABLE deployments_consentrequest ENABLE ALWAYS TRIGGER deployments_link_scope;
"""

TABLES = (
    "deployments_contribution, deployments_submission, deployments_decision, deployments_tightening, "
    "deployments_review, deployments_installation, deployments_installationcheck, "
    "deployments_consentrequest, deployments_riskmatrix, deployments_placeslist"
)


class Migration(migrations.Migration):
    """Triggers, always enabled, and a privilege less. No way back: a record does not become open again."""

    dependencies = [("deployments", "0010_kept_facts")]

    operations = [
        migrations.RunSQL(STEPS_STAY + ONE_DECISION + LINKS),
        migrations.RunSQL(f"REVOKE DELETE, TRUNCATE ON {TABLES} FROM csoc_app"),
    ]
