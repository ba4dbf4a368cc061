"""What stays of lists and uploads, whoever writes: versions rise and stand, decisions take two people."""

from django.db import migrations

SQL = """
-- Entries carry their list's key without a constraint (they come by the million), so a list never goes.
REVOKE DELETE ON alerts_hotlist FROM csoc_app;
REVOKE UPDATE, DELETE ON alerts_hotlistversion FROM csoc_app;
REVOKE DELETE ON alerts_hotlistupload FROM csoc_app;
ALTER TABLE alerts_hotlistchunk ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE FUNCTION alerts_hotlist_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM alerts_hotlistversion
               WHERE hotlist_id = NEW.hotlist_id AND version >= NEW.version) THEN
        RAISE EXCEPTION 'the version of a list only rises' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alerts_hotlist_rises BEFORE INSERT ON alerts_hotlistversion
    FOR EACH ROW EXECUTE FUNCTION alerts_hotlist_rises();
ALTER TABLE alerts_hotlistversion ENABLE ALWAYS TRIGGER alerts_hotlist_rises;

CREATE FUNCTION alerts_hotlist_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version < OLD.version OR (NEW.id, NEW.agency_id, NEW.list_id)
       IS DISTINCT FROM (OLD.id, OLD.agency_id, OLD.list_id) OR NEW.next_entry < OLD.next_entry THEN
        RAISE EXCEPTION 'a list keeps its name, and its version only rises' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alerts_hotlist_stands BEFORE UPDATE ON alerts_hotlist
    FOR EACH ROW EXECUTE FUNCTION alerts_hotlist_stands();
ALTER TABLE alerts_hotlist ENABLE ALWAYS TRIGGER alerts_hotlist_stands;

CREATE FUNCTION alerts_hotlist_upload_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.agency_id, NEW.list_id, NEW.version, NEW.issued_at, NEW.valid_to, NEW.authority, NEW.rows,
        NEW.sha256, NEW.started_by_id, NEW.started_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.id, OLD.agency_id, OLD.list_id, OLD.version, OLD.issued_at, OLD.valid_to, OLD.authority, OLD.rows,
        OLD.sha256, OLD.started_by_id, OLD.started_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'what an upload began with does not change' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state NOT IN ('receiving', 'waiting') OR (OLD.state = 'waiting' AND NEW.state = 'receiving') THEN
        RAISE EXCEPTION 'an upload does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'waiting' AND NEW.state = 'published' AND NEW.decided_by_id IS NULL THEN
        RAISE EXCEPTION 'what waits is let through by a person' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alerts_hotlist_upload_edge BEFORE UPDATE ON alerts_hotlistupload
    FOR EACH ROW EXECUTE FUNCTION alerts_hotlist_upload_edge();
ALTER TABLE alerts_hotlistupload ENABLE ALWAYS TRIGGER alerts_hotlist_upload_edge;

UPDATE alerts_hotlistentry SET touched_in = added_in;
UPDATE alerts_hotlist h SET next_entry = greatest(1000, (
    SELECT max(substring(entry_id FROM '^e-([0-9]{1,15})$')::bigint) + 1 FROM alerts_hotlistentry e
    WHERE e.hotlist_id = h.id));
"""

UNDO = """
DROP FUNCTION alerts_hotlist_rises CASCADE;
DROP FUNCTION alerts_hotlist_stands CASCADE;
DROP FUNCTION alerts_hotlist_upload_edge CASCADE;
GRANT DELETE ON alerts_hotlist TO csoc_app;
GRANT UPDATE, DELETE ON alerts_hotlistversion TO csoc_app;
GRANT DELETE ON alerts_hotlistupload TO csoc_app;
"""


class Migration(migrations.Migration):
    """Grants and triggers, always enabled."""

    dependencies = [("alerts", "0009_hotlists")]

    operations = [migrations.RunSQL(SQL, UNDO)]
