"""The tables of the log, who may touch them, and the triggers that say no to everyone else."""

from django.db import migrations, models

ROLES = """
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['csoc_owner', 'csoc_app', 'csoc_sequencer'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            RAISE EXCEPTION 'the database role % is missing', name
                USING HINT = 'Run csoc/sql/roles.sql as a superuser, then migrate again.';
        END IF;
    END LOOP;
END
$$;
"""

FUNCTIONS = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the audit log only grows', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION audit_refuse_delete() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_user <> 'csoc_sequencer' THEN
        RAISE EXCEPTION 'DELETE on % is refused: only the sequencer moves entries', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END
$$;

-- ISO text with an explicit Z does not depend on any setting, which is what immutable asks for.
CREATE FUNCTION audit_time(t text) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT pg_catalog.make_timestamptz(
        substr(t, 1, 4)::int, substr(t, 6, 2)::int, substr(t, 9, 2)::int,
        substr(t, 12, 2)::int, substr(t, 15, 2)::int, substr(t, 18, 9)::double precision, 'UTC')
$$;
"""

INBOX = """
CREATE TABLE audit_inbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    uid uuid NOT NULL,
    body text NOT NULL CHECK (octet_length(body) <= 16384)
);
-- It is emptied all the time: vacuum it by count, not by share.
ALTER TABLE audit_inbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE TRIGGER audit_inbox_update BEFORE UPDATE ON audit_inbox
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_inbox_truncate BEFORE TRUNCATE ON audit_inbox
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_inbox_delete BEFORE DELETE ON audit_inbox
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_delete();
ALTER TABLE audit_inbox ENABLE ALWAYS TRIGGER audit_inbox_update;
ALTER TABLE audit_inbox ENABLE ALWAYS TRIGGER audit_inbox_truncate;
ALTER TABLE audit_inbox ENABLE ALWAYS TRIGGER audit_inbox_delete;
REVOKE ALL ON audit_inbox FROM PUBLIC, csoc_app, csoc_sequencer;
REVOKE ALL ON SEQUENCE audit_inbox_seq_seq FROM PUBLIC, csoc_app, csoc_sequencer;
GRANT INSERT (uid, body) ON audit_inbox TO csoc_app;
GRANT SELECT, DELETE ON audit_inbox TO csoc_sequencer;

CREATE FUNCTION audit_waiting(OUT waiting bigint, OUT oldest_s double precision)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)
    FROM (SELECT at FROM public.audit_inbox ORDER BY seq LIMIT 100000) AS head
$$;
REVOKE ALL ON FUNCTION audit_waiting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_waiting() TO csoc_app, csoc_sequencer;
"""

LOG = """
CREATE TABLE audit_log (
    idx bigint NOT NULL PRIMARY KEY CHECK (idx >= 0),
    uid uuid NOT NULL,
    line text NOT NULL,
    leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
    at timestamptz NOT NULL GENERATED ALWAYS AS (public.audit_time(line::jsonb ->> 't')) STORED,
    actor text NOT NULL GENERATED ALWAYS AS (line::jsonb #>> '{e,actor,id}') STORED,
    verb text NOT NULL GENERATED ALWAYS AS (line::jsonb #>> '{e,verb}') STORED,
    object text NOT NULL GENERATED ALWAYS AS (
        (line::jsonb #>> '{e,object,type}') || ':' || (line::jsonb #>> '{e,object,id}')) STORED,
    agency text NOT NULL GENERATED ALWAYS AS (line::jsonb #>> '{e,object,agency}') STORED,
    outcome text NOT NULL GENERATED ALWAYS AS (line::jsonb #>> '{e,outcome,result}') STORED,
    cad text GENERATED ALWAYS AS (line::jsonb #>> '{e,reason,cad}') STORED
) PARTITION BY RANGE (idx);
CREATE INDEX audit_log_uid ON audit_log (uid);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_actor ON audit_log (actor, idx);
CREATE INDEX audit_log_object ON audit_log (object, idx);
CREATE INDEX audit_log_verb ON audit_log (verb text_pattern_ops, idx);
CREATE TRIGGER audit_log_rows BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_log_statement BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_rows;
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_statement;
REVOKE ALL ON audit_log FROM PUBLIC, csoc_app, csoc_sequencer;
GRANT SELECT ON audit_log TO csoc_app;
GRANT SELECT, INSERT ON audit_log TO csoc_sequencer;

-- Partitions of 2^20 lines, so that a subtree of the later tree can be pruned whole. Owner only.
CREATE FUNCTION audit_add_partition() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint := (SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.audit_log'::regclass);
    name text := format('audit_log_%s', lpad(n::text, 5, '0'));
BEGIN
    EXECUTE format('CREATE TABLE public.%I PARTITION OF public.audit_log FOR VALUES FROM (%s) TO (%s)',
        name, n << 20, (n + 1) << 20);
    -- Statement triggers and privileges are not inherited by what is reached directly.
    EXECUTE format('CREATE TRIGGER audit_log_statement BEFORE UPDATE OR DELETE OR TRUNCATE ON public.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse()', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER audit_log_statement', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER audit_log_rows', name);
    EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, csoc_app, csoc_sequencer', name);
    RETURN name;
END
$$;
REVOKE ALL ON FUNCTION audit_add_partition() FROM PUBLIC;
SELECT audit_add_partition() FROM generate_series(1, 4);
"""

DETAIL = """
CREATE TABLE audit_detail (
    commitment bytea PRIMARY KEY CHECK (octet_length(commitment) = 32),
    class text NOT NULL CHECK (class IN ('subject', 'justification', 'change')),
    sealed bytea NOT NULL CHECK (octet_length(sealed) <= 131072),
    key_id text NOT NULL,
    expires timestamptz NOT NULL,
    hold boolean NOT NULL DEFAULT false
);
CREATE TRIGGER audit_detail_statement BEFORE UPDATE OR TRUNCATE ON audit_detail
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_detail ENABLE ALWAYS TRIGGER audit_detail_statement;
REVOKE ALL ON audit_detail FROM PUBLIC, csoc_app, csoc_sequencer;
GRANT SELECT, INSERT ON audit_detail TO csoc_app;
"""

PULSE = """
-- What the sequencer last did; a note for people, not part of the log.
CREATE TABLE audit_pulse (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    at timestamptz NOT NULL,
    size bigint NOT NULL,
    pid integer NOT NULL
);
REVOKE ALL ON audit_pulse FROM PUBLIC, csoc_app, csoc_sequencer;
GRANT SELECT ON audit_pulse TO csoc_app;
GRANT SELECT, INSERT, UPDATE ON audit_pulse TO csoc_sequencer;
"""

UNDO = """
DROP TABLE audit_pulse, audit_detail, audit_log, audit_inbox;
DROP FUNCTION audit_waiting(), audit_add_partition(), audit_time(text), audit_refuse_delete(), audit_refuse();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        migrations.RunSQL([FUNCTIONS, INBOX, LOG, DETAIL, PULSE], UNDO),
        migrations.CreateModel(
            "Entry",
            fields=[
                ("idx", models.BigIntegerField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField()),
                ("line", models.TextField()),
                ("leaf", models.BinaryField()),
                ("at", models.DateTimeField()),
                ("actor", models.TextField()),
                ("verb", models.TextField()),
                ("object", models.TextField()),
                ("agency", models.TextField()),
                ("outcome", models.TextField()),
                ("cad", models.TextField(null=True)),
            ],
            options={"db_table": "audit_log", "managed": False},
        ),
        migrations.CreateModel(
            "Detail",
            fields=[
                ("commitment", models.BinaryField(primary_key=True, serialize=False)),
                ("kind", models.TextField(db_column="class")),
                ("sealed", models.BinaryField()),
                ("key_id", models.TextField()),
                ("expires", models.DateTimeField()),
                ("hold", models.BooleanField()),
            ],
            options={"db_table": "audit_detail", "managed": False},
        ),
    ]
