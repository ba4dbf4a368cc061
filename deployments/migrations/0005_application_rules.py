"""H1 to H3 for whole applications: edges, what is read stays, who may authorise, scope of the consent, records."""

from django.db import migrations

EDGES = """
CREATE OR REPLACE FUNCTION deployments_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    IF (OLD.state, NEW.state) NOT IN (
        ('draft', 'submitted'), ('submitted', 'authorised'), ('submitted', 'refused'),
        ('submitted', 'returned'), ('returned', 'submitted'), ('authorised', 'active'),
        ('authorised', 'returned'), ('draft', 'deactivated'), ('submitted', 'deactivated'),
        ('returned', 'deactivated'), ('authorised', 'deactivated'), ('active', 'deactivated')
    ) THEN
        RAISE EXCEPTION 'a deployment does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.version <= OLD.version THEN
        RAISE EXCEPTION 'the version of a deployment rises with its state' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION deployments_first_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before deployments_deployment;
BEGIN
    IF NEW.state <> 'draft' THEN
        RAISE EXCEPTION 'a deployment begins as a draft' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.term > 1 THEN
        SELECT * INTO before FROM deployments_deployment WHERE id = NEW.renews_id;
        IF (before.year, before.serial, before.agency_id, before.unit_id, before.trailer_id, before.lat, before.lon)
           IS DISTINCT FROM
           (NEW.year, NEW.serial, NEW.agency_id, NEW.unit_id, NEW.trailer_id, NEW.lat, NEW.lon)
           OR NEW.term <= before.term OR before.state <> 'active' THEN
            RAISE EXCEPTION 'a renewal is of the same trailer at the same place, while it stands'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
"""

STANDING = """
CREATE OR REPLACE FUNCTION deployments_may_stand() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given deployments_authorisation;
    risk deployments_riskassessment;
    owner deployments_consent;
BEGIN
    IF NEW.state NOT IN ('submitted', 'authorised', 'active') OR NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    SELECT * INTO risk FROM deployments_riskassessment WHERE id = NEW.risk_id;
    IF risk.incident_id IS DISTINCT FROM NEW.incident_id OR risk.score < risk.threshold THEN
        RAISE EXCEPTION 'no risk assessment of this incident at the threshold' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT NEW.justifications ?& NEW.modules::text[] THEN
        RAISE EXCEPTION 'a sensor without a justification stays off' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'submitted' THEN
        RETURN NEW;
    END IF;
    SELECT * INTO given FROM deployments_authorisation WHERE id = NEW.authorisation_id;
    IF given.deployment_id IS DISTINCT FROM NEW.id OR given.content_hash <> NEW.content_hash
       OR given.applicant_id <> NEW.applicant_id OR given.officer_id = NEW.applicant_id THEN
        RAISE EXCEPTION 'the authorisation is not by a second person on this content'
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT * INTO owner FROM deployments_consent WHERE id = NEW.consent_id;
    IF owner.withdrawn_at IS NOT NULL OR NOT NEW.modules <@ owner.modules OR NEW.ends_at > owner.expires_at
       OR owner.lat IS NULL OR abs(owner.lat - NEW.lat) > 0.0003 OR abs(owner.lon - NEW.lon) > 0.0005 THEN
        RAISE EXCEPTION 'no valid consent of the owner for this' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'active' THEN
        IF NEW.activated_at >= risk.valid_until THEN
            RAISE EXCEPTION 'no current risk assessment at the threshold' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.activated_at >= owner.expires_at THEN
            RAISE EXCEPTION 'no valid consent of the owner' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.activated_at >= NEW.ends_at OR NEW.activated_at < NEW.starts_at THEN
            RAISE EXCEPTION 'the term is over or has not begun' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION deployments_four_eyes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.applicant_id IS DISTINCT FROM
       (SELECT applicant_id FROM deployments_deployment WHERE id = NEW.deployment_id) THEN
        RAISE EXCEPTION 'the authorisation names another applicant' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM deployments_contribution
               WHERE deployment_id = NEW.deployment_id AND person_id = NEW.officer_id) THEN
        RAISE EXCEPTION 'whoever wrote a part of it does not authorise it' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.content_hash IS DISTINCT FROM
       (SELECT content_hash FROM deployments_deployment WHERE id = NEW.deployment_id AND state = 'submitted') THEN
        RAISE EXCEPTION 'only what was submitted is authorised' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

AS_READ = """
CREATE OR REPLACE FUNCTION deployments_as_read() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.year, NEW.serial, NEW.term, NEW.renews_id, NEW.agency_id, NEW.applicant_id)
       IS DISTINCT FROM (OLD.year, OLD.serial, OLD.term, OLD.renews_id, OLD.agency_id, OLD.applicant_id)
       OR OLD.term > 1 AND (NEW.trailer_id, NEW.lat, NEW.lon) IS DISTINCT FROM (OLD.trailer_id, OLD.lat, OLD.lon)
    THEN
        RAISE EXCEPTION 'a deployment stays whose and what it is' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state IN ('draft', 'returned') THEN
        RETURN NULL;
    END IF;
    IF (NEW.trailer_id, NEW.incident_id, NEW.risk_id, NEW.consent_id, NEW.aim, NEW.alternatives,
        NEW.starts_at, NEW.review_every_days, NEW.site, NEW.address, NEW.lat, NEW.lon, NEW.heading_deg,
        NEW.justifications, NEW.sensitive_places, NEW.quiet_from, NEW.quiet_to, NEW.signage, NEW.notice,
        NEW.retention_class, NEW.content_hash)
       IS DISTINCT FROM
       (OLD.trailer_id, OLD.incident_id, OLD.risk_id, OLD.consent_id, OLD.aim, OLD.alternatives,
        OLD.starts_at, OLD.review_every_days, OLD.site, OLD.address, OLD.lat, OLD.lon, OLD.heading_deg,
        OLD.justifications, OLD.sensitive_places, OLD.quiet_from, OLD.quiet_to, OLD.signage, OLD.notice,
        OLD.retention_class, OLD.content_hash)
       -- An active deployment is only ever tightened; before that nothing of it moves.
       OR NOT (NEW.modules <@ OLD.modules AND NEW.hotlist_categories <@ OLD.hotlist_categories
               AND NEW.ends_at <= OLD.ends_at AND NEW.forbidden_sectors @> OLD.forbidden_sectors
               AND NEW.speaker_ceiling_pct <= OLD.speaker_ceiling_pct
               AND NEW.quiet_ceiling_pct <= OLD.quiet_ceiling_pct)
       OR OLD.state <> 'active' AND
          (NEW.modules, NEW.hotlist_categories, NEW.ends_at, NEW.forbidden_sectors, NEW.speaker_ceiling_pct,
           NEW.quiet_ceiling_pct) IS DISTINCT FROM
          (OLD.modules, OLD.hotlist_categories, OLD.ends_at, OLD.forbidden_sectors, OLD.speaker_ceiling_pct,
           OLD.quiet_ceiling_pct)
       -- Only an edit before activation takes an authorisation away; nothing ever exchanges one.
       OR OLD.authorisation_id IS NOT NULL AND NEW.authorisation_id IS DISTINCT FROM OLD.authorisation_id
          AND NOT (OLD.state = 'authorised' AND NEW.state = 'returned' AND NEW.authorisation_id IS NULL)
    THEN
        RAISE EXCEPTION 'the content of a % deployment does not change', OLD.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""

RECORDS = """
DO $do$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['contribution', 'submission', 'decision', 'tightening', 'review',
                                'installationcheck', 'placeslist']
    LOOP
        EXECUTE format('CREATE TRIGGER deployments_record BEFORE UPDATE OR DELETE ON deployments_%s '
                       'FOR EACH ROW EXECUTE FUNCTION deployments_record()', name);
        EXECUTE format('ALTER TABLE deployments_%s ENABLE ALWAYS TRIGGER deployments_record', name);
    END LOOP;
END $do$;

CREATE FUNCTION deployments_never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'DELETE on % is refused: it is a record', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER deployments_never_deleted BEFORE DELETE ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_never_deleted();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_never_deleted;
CREATE TRIGGER deployments_never_deleted BEFORE DELETE ON deployments_consent
    FOR EACH ROW EXECUTE FUNCTION deployments_never_deleted();
ALTER TABLE deployments_consent ENABLE ALWAYS TRIGGER deployments_never_deleted;

CREATE OR REPLACE FUNCTION deployments_consent_taken_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The sealed details may be emptied when their time has come; nothing else of a consent changes.
    IF (NEW.id, NEW.agency_id, NEW.capacity, NEW.method, NEW.document_sha256, NEW.document_name,
        NEW.document_type, NEW.modules, NEW.lat, NEW.lon, NEW.language, NEW.text_version, NEW.conditions,
        NEW.record, NEW.given_at, NEW.expires_at, NEW.recorded_by_id)
       IS DISTINCT FROM
       (OLD.id, OLD.agency_id, OLD.capacity, OLD.method, OLD.document_sha256, OLD.document_name,
        OLD.document_type, OLD.modules, OLD.lat, OLD.lon, OLD.language, OLD.text_version, OLD.conditions,
        OLD.record, OLD.given_at, OLD.expires_at, OLD.recorded_by_id)
       OR NEW.details_sealed IS NOT NULL AND NEW.details_sealed IS DISTINCT FROM OLD.details_sealed
       OR OLD.withdrawn_at IS NOT NULL
          AND (NEW.withdrawn_at, NEW.withdrawn_by_id) IS DISTINCT FROM (OLD.withdrawn_at, OLD.withdrawn_by_id)
    THEN
        RAISE EXCEPTION 'a consent is only ever taken back' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION deployments_link_answered_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.answer <> '' AND (NEW.answer, NEW.answered_at, NEW.consent_id)
       IS DISTINCT FROM (OLD.answer, OLD.answered_at, OLD.consent_id)
       OR (NEW.deployment_id, NEW.modules, NEW.lat, NEW.lon, NEW.until, NEW.token_sha256, NEW.record, NEW.made_at)
       IS DISTINCT FROM
       (OLD.deployment_id, OLD.modules, OLD.lat, OLD.lon, OLD.until, OLD.token_sha256, OLD.record, OLD.made_at)
       OR NEW.answer <> OLD.answer AND (NEW.answered_at >= OLD.expires_at OR OLD.ended_at IS NOT NULL)
    THEN
        RAISE EXCEPTION 'a consent link asks one thing, once, in its time' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_link_answered_once BEFORE UPDATE ON deployments_consentrequest
    FOR EACH ROW EXECUTE FUNCTION deployments_link_answered_once();
ALTER TABLE deployments_consentrequest ENABLE ALWAYS TRIGGER deployments_link_answered_once;

CREATE FUNCTION deployments_matrix_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.published_at IS NULL THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.published_at IS NOT NULL
       OR (NEW.agency_id, NEW.version, NEW.name, NEW.factors, NEW.threshold, NEW.valid_days, NEW.proposed_by_id)
       IS DISTINCT FROM
       (OLD.agency_id, OLD.version, OLD.name, OLD.factors, OLD.threshold, OLD.valid_days, OLD.proposed_by_id)
    THEN
        RAISE EXCEPTION 'a proposed risk matrix is published as it is, and stays' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_matrix_record BEFORE UPDATE OR DELETE ON deployments_riskmatrix
    FOR EACH ROW EXECUTE FUNCTION deployments_matrix_record();
ALTER TABLE deployments_riskmatrix ENABLE ALWAYS TRIGGER deployments_matrix_record;

-- The database adds the scores up itself: nobody writes down a risk that the matrix does not give.
CREATE FUNCTION deployments_risk_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    matrix deployments_riskmatrix;
    total integer;
    known integer;
BEGIN
    SELECT * INTO matrix FROM deployments_riskmatrix WHERE id = NEW.matrix_id;
    IF matrix.published_at IS NULL OR matrix.agency_id IS DISTINCT FROM
       (SELECT agency_id FROM deployments_incident WHERE id = NEW.incident_id) THEN
        RAISE EXCEPTION 'risk is assessed by a published matrix of the agency' USING ERRCODE = 'check_violation';
    END IF;
    SELECT sum((f ->> 'weight')::integer * (NEW.factors -> (f ->> 'key') ->> 'level')::integer), count(*)
      INTO total, known
      FROM jsonb_array_elements(matrix.factors) f
     WHERE (NEW.factors -> (f ->> 'key') ->> 'level')::integer BETWEEN 0 AND 4;
    IF known <> jsonb_array_length(matrix.factors)
       OR known <> (SELECT count(*) FROM jsonb_object_keys(NEW.factors))
       OR total <> NEW.score OR NEW.threshold <> matrix.threshold
       OR NEW.valid_until > NEW.assessed_at + matrix.valid_days * interval '1 day' THEN
        RAISE EXCEPTION 'the assessment does not add up by its matrix' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_risk_adds_up BEFORE INSERT ON deployments_riskassessment
    FOR EACH ROW EXECUTE FUNCTION deployments_risk_adds_up();
ALTER TABLE deployments_riskassessment ENABLE ALWAYS TRIGGER deployments_risk_adds_up;

-- What was submitted or stands names its incident as it was read.
CREATE FUNCTION deployments_incident_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.agency_id, NEW.cad, NEW.kind, NEW.place, NEW.reported_at)
       IS DISTINCT FROM (OLD.agency_id, OLD.cad, OLD.kind, OLD.place, OLD.reported_at)
       AND EXISTS (SELECT 1 FROM deployments_deployment
                   WHERE incident_id = OLD.id AND state NOT IN ('draft', 'returned')) THEN
        RAISE EXCEPTION 'an incident that a deployment answers to does not change'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_incident_stands BEFORE UPDATE OR DELETE ON deployments_incident
    FOR EACH ROW EXECUTE FUNCTION deployments_incident_stands();
ALTER TABLE deployments_incident ENABLE ALWAYS TRIGGER deployments_incident_stands;
"""


class Migration(migrations.Migration):
    """Triggers, always enabled. There is no way back: older code does not know these states' edges."""

    dependencies = [("deployments", "0004_application")]

    operations = [migrations.RunSQL(EDGES + STANDING + AS_READ + RECORDS)]
