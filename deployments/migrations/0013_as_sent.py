"""What an officer reads is what was sent; an authorisation is of this sending; a window has its 30 minutes."""

from django.db import migrations

#: H2: the text that is read belongs to the row, its version and its digest.
AS_SENT = """
CREATE FUNCTION deployments_as_sent() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sent deployments_deployment;
BEGIN
    SELECT * INTO sent FROM deployments_deployment WHERE id = NEW.deployment_id;
    IF sent.state IS DISTINCT FROM 'submitted' OR sent.version IS DISTINCT FROM NEW.version
       OR sent.content_hash IS DISTINCT FROM NEW.content_hash
       OR jsonb_typeof(NEW.content) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a submission is of the version that was sent' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_as_sent BEFORE INSERT ON deployments_submission
    FOR EACH ROW EXECUTE FUNCTION deployments_as_sent();
ALTER TABLE deployments_submission ENABLE ALWAYS TRIGGER deployments_as_sent;

CREATE FUNCTION deployments_sent_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.submitted_at IS DISTINCT FROM OLD.submitted_at
       AND NOT (OLD.state IN ('draft', 'returned') AND NEW.state = 'submitted')
       OR NOT isfinite(NEW.submitted_at) THEN
        RAISE EXCEPTION 'when it was sent is written with the sending' USING ERRCODE = 'check_violation';
    END IF;
    -- Sent again, it is another version: a decision on the one before does not count for it.
    IF NEW.state = 'authorised' AND OLD.state <> 'authorised' AND NOT EXISTS (
        SELECT 1 FROM deployments_authorisation a JOIN deployments_decision d
            ON d.deployment_id = a.deployment_id AND d.at = a.authorised_at AND d.officer_id = a.officer_id
        WHERE a.id = NEW.authorisation_id AND a.authorised_at >= NEW.submitted_at
          AND d.verdict = 'authorise' AND d.version = OLD.version
    ) THEN
        RAISE EXCEPTION 'the authorisation is of what was sent before' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- After may_stand in the alphabet: who authorised what comes before when.
CREATE TRIGGER deployments_sent_at BEFORE UPDATE ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_sent_at();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_sent_at;
"""

#: H18: half an hour, and what ended it stays.
WINDOWS = """
CREATE FUNCTION deployments_window() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT isfinite(NEW.opened_at) OR NEW.until > NEW.opened_at + interval '30 minutes' THEN
        RAISE EXCEPTION 'a window for an installation is 30 minutes at most' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND (
        (NEW.deployment_id, NEW.opened_by_id, NEW.opened_at, NEW.until)
        IS DISTINCT FROM (OLD.deployment_id, OLD.opened_by_id, OLD.opened_at, OLD.until)
        OR OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at
    ) THEN
        RAISE EXCEPTION 'a window for an installation is only ever closed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_window BEFORE INSERT OR UPDATE ON deployments_installation
    FOR EACH ROW EXECUTE FUNCTION deployments_window();
ALTER TABLE deployments_installation ENABLE ALWAYS TRIGGER deployments_window;
"""

#: Narrowing by SQL: no junk, and nothing twice.
SHAPES = """
CREATE FUNCTION deployments_shape() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(NEW.forbidden_sectors) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'forbidden sectors are a list' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM jsonb_array_elements(NEW.forbidden_sectors) s
        WHERE jsonb_typeof(s) IS DISTINCT FROM 'object' OR jsonb_typeof(s -> 'from_deg') IS DISTINCT FROM 'number'
           OR jsonb_typeof(s -> 'to_deg') IS DISTINCT FROM 'number'
    ) THEN
        RAISE EXCEPTION 'a forbidden sector has two directions' USING ERRCODE = 'check_violation';
    END IF;
    IF cardinality(NEW.modules) <> (SELECT count(DISTINCT one) FROM unnest(NEW.modules) one)
       OR cardinality(NEW.hotlist_categories)
          <> (SELECT count(DISTINCT one) FROM unnest(NEW.hotlist_categories) one) THEN
        RAISE EXCEPTION 'a sensor or a list is named once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_shape BEFORE INSERT OR UPDATE ON deployments_deployment
    FOR EACH ROW EXECUTE FUNCTION deployments_shape();
ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_shape;

CREATE FUNCTION deployments_withdrawn_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.withdrawn_at IS NOT NULL
       AND (NOT isfinite(NEW.withdrawn_at) OR NEW.withdrawn_at < NEW.given_at) THEN
        RAISE EXCEPTION 'a consent is withdrawn at a time, after it was given'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_withdrawn_at BEFORE INSERT OR UPDATE ON deployments_consent
    FOR EACH ROW EXECUTE FUNCTION deployments_withdrawn_at();
ALTER TABLE deployments_consent ENABLE ALWAYS TRIGGER deployments_withdrawn_at;
"""


class Migration(migrations.Migration):
    """Triggers, always enabled. There is no way back, as for 0005."""

    dependencies = [("deployments", "0012_writers_before")]

    operations = [migrations.RunSQL(AS_SENT + WINDOWS + SHAPES)]
