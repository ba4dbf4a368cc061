"""Details go only when their time is over, never while held, and only together with their entry."""

from django.conf import settings
from django.db import migrations

#: Where the console's clock can be moved (demonstration, tests) the database has to take its word.
UNTIL = "'infinity'::timestamptz" if settings.IS_DEMO else "clock_timestamp()"

CLOCK = f"""
CREATE FUNCTION audit_erasable_until() RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$ SELECT {UNTIL} $$;
"""

KEEP = """
CREATE INDEX audit_detail_expires ON audit_detail (expires, key_id) WHERE NOT hold;
CREATE INDEX audit_detail_key ON audit_detail (key_id);

CREATE FUNCTION audit_detail_keep() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.hold OR OLD.expires > public.audit_erasable_until() THEN
        RAISE EXCEPTION 'DELETE on audit_detail is refused: the detail is held or its time is not over'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER audit_detail_rows BEFORE DELETE ON audit_detail
    FOR EACH ROW EXECUTE FUNCTION audit_detail_keep();
ALTER TABLE audit_detail ENABLE ALWAYS TRIGGER audit_detail_rows;
"""

ERASE = """
CREATE FUNCTION audit_erase(erasing uuid, entry text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    told jsonb := entry::jsonb;
    named bytea[];
    gone integer;
BEGIN
    IF told ->> 'verb' IS DISTINCT FROM 'detail.erase' OR told ->> 'uid' IS DISTINCT FROM erasing::text THEN
        RAISE EXCEPTION 'audit_erase takes the body of a detail.erase entry'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    named := ARRAY(SELECT decode(text, 'hex') FROM jsonb_array_elements_text(told -> 'erased') AS text);
    DELETE FROM public.audit_detail WHERE commitment = ANY (named);
    GET DIAGNOSTICS gone = ROW_COUNT;
    -- Somebody else erased some of them meanwhile, or one never stood: then the entry would be false.
    IF gone = 0 OR gone <> cardinality(named) THEN
        RAISE EXCEPTION 'audit_erase names % details and % of them stand', cardinality(named), gone
            USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO public.audit_inbox (uid, body) VALUES (erasing, entry);
    RETURN gone;
END
$$;
REVOKE ALL ON FUNCTION audit_erase(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_erase(uuid, text) TO csoc_app;
"""

UNDO = """
DROP FUNCTION audit_erase(uuid, text);
DROP TRIGGER audit_detail_rows ON audit_detail;
DROP FUNCTION audit_detail_keep();
DROP FUNCTION audit_erasable_until();
DROP INDEX audit_detail_expires, audit_detail_key;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_reviews")]

    operations = [migrations.RunSQL([CLOCK, KEEP, ERASE], UNDO)]
