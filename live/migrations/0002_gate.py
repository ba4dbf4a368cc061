"""H5 in the database: no live view without a named acknowledgement, whatever the code does."""

from django.db import migrations

SQL = """
CREATE FUNCTION live_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1
    FROM alerts_alert a
    JOIN deployments_deployment d ON d.id = a.deployment_id
    JOIN deployments_consent c ON c.id = d.consent_id
    JOIN live_stream s ON s.id = NEW.stream_id
    WHERE a.id = NEW.alert_id
      AND a.state = 'acknowledged' AND a.acknowledged_by_id IS NOT NULL
      AND a.trailer_id = NEW.trailer_id AND s.trailer_id = NEW.trailer_id AND s.ended_at IS NULL
      AND a.received_at - a.occurred_at <= interval '10 minutes'
      AND NOT 'drill' = ANY (a.flags)
      AND d.state = 'active' AND d.starts_at <= NEW.opened_at AND NEW.opened_at < d.ends_at
      AND 'ptz' = ANY (d.modules)
      AND c.withdrawn_at IS NULL AND NEW.opened_at < c.expires_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'live view needs an acknowledged, open alert of an active deployment'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER live_gate BEFORE INSERT ON live_livesession
    FOR EACH ROW EXECUTE FUNCTION live_gate();
ALTER TABLE live_livesession ENABLE ALWAYS TRIGGER live_gate;

CREATE FUNCTION live_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'a live view that ended stays ended' USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.alert_id, NEW.trailer_id, NEW.stream_id, NEW.user_id, NEW.person_id)
       <> (OLD.alert_id, OLD.trailer_id, OLD.stream_id, OLD.user_id, OLD.person_id) THEN
        RAISE EXCEPTION 'a live view belongs to one person, alert and trailer' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER live_once BEFORE UPDATE ON live_livesession
    FOR EACH ROW EXECUTE FUNCTION live_once();
ALTER TABLE live_livesession ENABLE ALWAYS TRIGGER live_once;

CREATE FUNCTION live_token_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.spent_at IS NOT NULL THEN
        RAISE EXCEPTION 'a media token is spent once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER live_token_once BEFORE UPDATE ON live_mediatoken
    FOR EACH ROW EXECUTE FUNCTION live_token_once();
ALTER TABLE live_mediatoken ENABLE ALWAYS TRIGGER live_token_once;
"""

UNDO = (
    "DROP FUNCTION live_gate CASCADE; DROP FUNCTION live_once CASCADE; DROP FUNCTION live_token_once CASCADE;"
)


class Migration(migrations.Migration):
    """Triggers, always enabled."""

    dependencies = [("live", "0001_initial")]

    operations = [migrations.RunSQL(SQL, UNDO)]
