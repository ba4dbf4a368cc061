"""What the app's role could still write although no service does: each is refused by the database."""

from django.db import migrations

REVIEWS = """
-- Whoever closes a review without deciding hides it: the first decision comes first.
CREATE FUNCTION audit_review_closes() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.decided_at IS NOT NULL AND (TG_OP = 'INSERT' OR OLD.decided_at IS NULL) AND NOT EXISTS (
        SELECT FROM public.audit_review_decision
        WHERE review_id = NEW.id AND nth = 1 AND at = NEW.decided_at
    ) THEN
        RAISE EXCEPTION 'a review is closed by its first decision, and by nothing else'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_review_closes BEFORE INSERT OR UPDATE ON audit_review
    FOR EACH ROW EXECUTE FUNCTION audit_review_closes();
ALTER TABLE audit_review ENABLE ALWAYS TRIGGER audit_review_closes;

-- What a cursor passes is never looked at. The owner may send it back: what was raised before is known.
CREATE FUNCTION audit_review_walks() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.idx < OLD.idx AND current_user <> 'csoc_owner'
        OR NEW.idx < 0
        OR NEW.idx > OLD.idx AND NEW.idx > coalesce((SELECT max(size) FROM public.audit_checkpoint), 0) THEN
        RAISE EXCEPTION 'a review walks forward, and only over what is sealed'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_review_walks BEFORE UPDATE ON audit_review_cursor
    FOR EACH ROW EXECUTE FUNCTION audit_review_walks();
ALTER TABLE audit_review_cursor ENABLE ALWAYS TRIGGER audit_review_walks;
"""

EXPORTS = """
-- What a finished export was, by its digests and times, is what its recipient holds.
CREATE FUNCTION audit_export_done() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.state NOT IN ('asked', 'approved', 'building')
       AND (NEW.seal, NEW.digest, NEW.sealed_at, NEW.entries, NEW.missing, NEW.size, NEW.witnesses, NEW.bytes,
        NEW.sha256, NEW.built_at, NEW.expires_at, NEW.refusal)
       IS DISTINCT FROM (OLD.seal, OLD.digest, OLD.sealed_at, OLD.entries, OLD.missing, OLD.size, OLD.witnesses,
        OLD.bytes, OLD.sha256, OLD.built_at, OLD.expires_at, OLD.refusal) THEN
        RAISE EXCEPTION 'what a finished export is does not change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_export_done BEFORE UPDATE ON audit_export_request
    FOR EACH ROW EXECUTE FUNCTION audit_export_done();
ALTER TABLE audit_export_request ENABLE ALWAYS TRIGGER audit_export_done;
ALTER TABLE audit_prune_request ENABLE ALWAYS TRIGGER audit_prune_edge;
"""

#: Every time that the app writes. One that no program can read, such as infinity, breaks each page with it.
TIMES = {
    "audit_export_request": ("asked_at", "decided_at", "beat_at", "sealed_at", "built_at", "expires_at"),
    "audit_review": ("raised_at", "due_at", "decided_at"),
    "audit_review_decision": ("at",),
    "audit_witness_file": ("asked_at", "answered_at", "taken_at"),
    "audit_prune_request": ("asked_at", "approved_at", "done_at"),
    "audit_saved_question": ("created_at",),
}
#: The year is compared, not the time: the text of such a rule is the same in every time zone.
FINITE = "\n".join(
    f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name}_finite CHECK "
    f"(extract(year FROM {name} AT TIME ZONE 'UTC') BETWEEN 1970 AND 9000);"
    for table, names in TIMES.items()
    for name in names
)
WEEK = """
ALTER TABLE audit_lot ADD CONSTRAINT audit_lot_week_finite CHECK (extract(year FROM week) BETWEEN 1970 AND 9000);
"""

UNDO = "\n".join(
    [
        "DROP FUNCTION audit_review_closes, audit_review_walks, audit_export_done CASCADE;",
        "ALTER TABLE audit_prune_request ENABLE TRIGGER audit_prune_edge;",
        "ALTER TABLE audit_lot DROP CONSTRAINT audit_lot_week_finite;",
        *(
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_{name}_finite;"
            for table, names in TIMES.items()
            for name in names
        ),
    ]
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0009_verification_generation")]

    operations = [migrations.RunSQL([REVIEWS, EXPORTS, FINITE, WEEK], UNDO)]
