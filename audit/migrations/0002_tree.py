"""The tree over the lines: nodes, signed checkpoints, cosignatures, keys; and the role that publishes."""

from django.db import migrations

ROLES = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'csoc_publisher') THEN
        RAISE EXCEPTION 'the database role csoc_publisher is missing'
            USING HINT = 'Run csoc/sql/roles.sql as a superuser, then migrate again.';
    END IF;
END
$$;
-- New columns are computed for every line there is.
SET LOCAL statement_timeout = 0;
"""

COLUMNS = r"""
-- One member of a line's "actor" or "object". Parsing the line as JSON for each column took two thirds of
-- the time that sealing takes. In a line without a backslash every double quote begins or ends a string,
-- so what stands between '"id":"' and the next quote is the value; all other lines are parsed. "actor" is
-- the first member of "e", and no other before "object" has an "id", "agency" or "name".
CREATE OR REPLACE FUNCTION audit_member(line text, part text, key text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN strpos(line, '\') = 0 THEN
        split_part(split_part(
            split_part(line, ',"object":{', CASE part WHEN 'actor' THEN 1 ELSE 2 END),
            '"' || key || '":"', 2), '"', 1)
    ELSE coalesce(line::json #>> ARRAY['e', part, key], '') END
$$;
-- A member whose value is a code and needs no escapes, and whose key stands nowhere else; '' if absent.
CREATE OR REPLACE FUNCTION audit_code(line text, key text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT split_part(split_part(line, '"' || key || '":"', 2), '"', 1)
$$;
-- All computed columns anew: one rewrite of the table for the old and the new ones together.
ALTER TABLE audit_log DROP at, DROP actor, DROP verb, DROP object, DROP agency, DROP outcome, DROP cad,
    ADD at timestamptz NOT NULL GENERATED ALWAYS AS (public.audit_time(left(right(line, 29), 27))) STORED,
    ADD actor text NOT NULL GENERATED ALWAYS AS (public.audit_member(line, 'actor', 'id')) STORED,
    ADD verb text NOT NULL GENERATED ALWAYS AS (public.audit_code(line, 'verb')) STORED,
    ADD object text NOT NULL GENERATED ALWAYS AS (
        public.audit_code(line, 'type') || ':' || public.audit_member(line, 'object', 'id')) STORED,
    ADD agency text NOT NULL GENERATED ALWAYS AS (public.audit_member(line, 'object', 'agency')) STORED,
    ADD outcome text NOT NULL GENERATED ALWAYS AS (public.audit_code(line, 'result')) STORED,
    ADD cad text GENERATED ALWAYS AS (nullif(public.audit_code(line, 'cad'), '')) STORED,
    ADD actor_agency text NOT NULL GENERATED ALWAYS AS (
        public.audit_member(line, 'actor', 'agency')) STORED,
    ADD name text GENERATED ALWAYS AS (nullif(public.audit_member(line, 'actor', 'name'), '')) STORED,
    ADD reason text GENERATED ALWAYS AS (
        nullif(public.audit_code(split_part(line, '"reason":{', 2), 'code'), '')) STORED;
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_actor ON audit_log (actor, idx);
CREATE INDEX audit_log_object ON audit_log (object, idx);
CREATE INDEX audit_log_verb ON audit_log (verb text_pattern_ops, idx);
-- A page of the log goes back by idx within each; few lines carry a CAD number, few are refusals.
CREATE INDEX audit_log_name ON audit_log (lower(name), idx) WHERE name IS NOT NULL;
CREATE INDEX audit_log_cad ON audit_log (cad, idx) WHERE cad IS NOT NULL;
CREATE INDEX audit_log_refused ON audit_log (outcome, idx) WHERE outcome <> 'allowed';
"""

TREE = """
-- Full nodes only: a full node never changes, so this table only grows. Level 0 is audit_log.leaf.
CREATE TABLE audit_node (
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 62),
    n bigint NOT NULL CHECK (n >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, n)
);
CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE audit_cosignature (
    size bigint NOT NULL CHECK (size > 0),
    witness text NOT NULL,
    line text NOT NULL CHECK (octet_length(line) <= 4096),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (size, witness)
);
-- The log's public keys. generation: 1, and one more after each halt that a person ended. n: from 1, one
-- more at each rotation. from_size: signs every checkpoint of at least this size, until the next key does.
CREATE TABLE audit_log_key (
    generation integer NOT NULL CHECK (generation > 0),
    n integer NOT NULL CHECK (n > 0),
    vkey text NOT NULL UNIQUE,
    from_size bigint NOT NULL CHECK (from_size >= 0),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (generation, n)
);
-- Where an actor's or object's count stood when the partition with their newest line was pruned: their
-- next line counts on from here.
CREATE TABLE audit_carried (
    kind text NOT NULL CHECK (kind IN ('actor', 'object')),
    key text NOT NULL,
    idx bigint NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (kind, key)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit_node', 'audit_checkpoint', 'audit_cosignature', 'audit_log_key'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION '
            'audit_refuse()', name || '_rows', name);
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT '
            'EXECUTE FUNCTION audit_refuse()', name || '_statement', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', name, name || '_rows');
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', name, name || '_statement');
    END LOOP;
END
$$;
CREATE TRIGGER audit_carried_statement BEFORE DELETE OR TRUNCATE ON audit_carried
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_carried ENABLE ALWAYS TRIGGER audit_carried_statement;

ALTER TABLE audit_pulse
    ADD state text NOT NULL DEFAULT 'working' CHECK (state IN ('working', 'halted')),
    ADD fault text NOT NULL DEFAULT '',
    ADD signed_size bigint NOT NULL DEFAULT 0;
"""

RIGHTS = """
REVOKE ALL ON audit_node, audit_checkpoint, audit_cosignature, audit_log_key, audit_carried
    FROM PUBLIC, csoc_app, csoc_sequencer, csoc_publisher;
GRANT SELECT ON audit_node, audit_checkpoint, audit_cosignature, audit_log_key, audit_carried
    TO csoc_app, csoc_sequencer, csoc_publisher;
GRANT INSERT ON audit_node, audit_checkpoint, audit_log_key TO csoc_sequencer;
GRANT INSERT (size, witness, line) ON audit_cosignature TO csoc_publisher;

REVOKE ALL ON audit_inbox, audit_log, audit_detail, audit_pulse FROM csoc_publisher;
GRANT SELECT ON audit_log, audit_pulse TO csoc_publisher;
-- What a detail commits to can be compared without being read.
GRANT SELECT (commitment, class, key_id, expires, hold) ON audit_detail TO csoc_publisher;
GRANT INSERT (uid, body) ON audit_inbox TO csoc_publisher;
GRANT EXECUTE ON FUNCTION audit_waiting() TO csoc_publisher;
"""

PARTITIONS = """
-- A partition is finished first and attached last: at no moment does the log have one without its
-- triggers, and attaching does not stop the sequencer. Owner only. A crash leaves nothing (one transaction).
CREATE OR REPLACE FUNCTION audit_add_partition() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint := (SELECT coalesce(max(substr(c.relname, 11)::bigint) + 1, 0)
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.audit_log'::regclass);
    name text := format('audit_log_%s', lpad(n::text, 5, '0'));
BEGIN
    EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_log INCLUDING ALL)', name);
    -- Statement triggers and privileges are not inherited by what is reached directly.
    EXECUTE format('CREATE TRIGGER audit_log_statement BEFORE UPDATE OR DELETE OR TRUNCATE ON public.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse()', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER audit_log_statement', name);
    EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, csoc_app, csoc_sequencer, csoc_publisher', name);
    EXECUTE format('ALTER TABLE public.audit_log ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)',
        name, n << 20, (n + 1) << 20);
    RETURN name;
END
$$;
SELECT audit_add_partition() FROM generate_series(1, PREMADE - 4);

-- How many lines still fit, for those who may not look at the catalogue's details.
CREATE FUNCTION audit_partitions_left() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(substr(c.relname, 11)::bigint), -1)
        - coalesce((SELECT max(idx) >> 20 FROM public.audit_log), 0)
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.audit_log'::regclass
$$;
"""

PRUNING = """
-- Why partition n may not be dropped, or ''. Asked before the drop and, by csoc/sql/guards.sql, after it,
-- so nothing here looks into the partition itself: a line lags the newest before it by at most 300 s, so
-- the first line after the partition tells that all of it is old.
CREATE FUNCTION audit_not_prunable(n bigint, kept interval DEFAULT '7 years') RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    after_it bigint := (n + 1) << 20;
    signed_ bigint := (SELECT coalesce(max(size), 0) FROM public.audit_checkpoint);
BEGIN
    IF kept < interval '7 years' THEN
        RETURN 'no part of the log may be pruned before 7 years';
    END IF;
    IF n < 0 OR signed_ <= after_it THEN
        RETURN format('partition %s is not full and sealed', n);
    END IF;
    IF NOT EXISTS (SELECT FROM public.audit_node WHERE level = 20 AND audit_node.n = audit_not_prunable.n) THEN
        RETURN format('the subtree hash that stands for partition %s is missing', n);
    END IF;
    IF NOT EXISTS (SELECT FROM public.audit_log WHERE idx = after_it
            AND at + interval '300 s' < clock_timestamp() - kept) THEN
        RETURN format('partition %s holds lines younger than %s', n, kept);
    END IF;
    IF NOT EXISTS (SELECT FROM public.audit_log WHERE verb = 'log.prune' AND outcome = 'allowed'
            AND object = 'log:partition:' || n AND idx >= after_it AND idx < signed_) THEN
        RETURN format('no sealed log.prune entry names partition:%s', n);
    END IF;
    RETURN '';
END
$$;

-- Owner only. Drops the lines of partition n, the oldest there is; its subtree hash stays, and the counts
-- that end in it are carried. A crash leaves nothing of it (one transaction).
CREATE FUNCTION audit_drop_partition(n bigint, kept interval DEFAULT '7 years') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    name text := format('audit_log_%s', lpad(n::text, 5, '0'));
    oldest text := (SELECT min(c.relname) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.audit_log'::regclass);
    fault text := public.audit_not_prunable(n, kept);
BEGIN
    IF fault = '' AND name <> oldest THEN
        fault := format('the oldest partition goes first: %s', oldest);
    END IF;
    IF fault <> '' THEN
        RAISE EXCEPTION 'pruning is refused: %', fault USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('INSERT INTO public.audit_carried AS c (kind, key, idx, total) '
        'SELECT DISTINCT ON (actor) ''actor'', actor, idx, (line::jsonb ->> ''na'')::bigint '
        'FROM public.%I ORDER BY actor, idx DESC '
        'ON CONFLICT (kind, key) DO UPDATE SET idx = excluded.idx, total = excluded.total', name);
    EXECUTE format('INSERT INTO public.audit_carried AS c (kind, key, idx, total) '
        'SELECT DISTINCT ON (object) ''object'', object, idx, (line::jsonb ->> ''no'')::bigint '
        'FROM public.%I ORDER BY object, idx DESC '
        'ON CONFLICT (kind, key) DO UPDATE SET idx = excluded.idx, total = excluded.total', name);
    EXECUTE format('DROP TABLE public.%I', name);
    RETURN name;
END
$$;
REVOKE ALL ON FUNCTION audit_drop_partition(bigint, interval) FROM PUBLIC;
"""

#: Partitions made here; `manage.py audit_partition` adds more, the doctor warns when 2 are left.
PREMADE = 64

UNDO = """
DROP FUNCTION audit_drop_partition(bigint, interval), audit_not_prunable(bigint, interval),
    audit_partitions_left();
ALTER TABLE audit_pulse DROP state, DROP fault, DROP signed_size;
DROP TABLE audit_carried, audit_log_key, audit_cosignature, audit_checkpoint, audit_node;
DROP INDEX audit_log_name, audit_log_cad, audit_log_refused;
ALTER TABLE audit_log DROP actor_agency, DROP name, DROP reason;
REVOKE ALL ON audit_inbox, audit_log, audit_detail, audit_pulse FROM csoc_publisher;
REVOKE ALL ON FUNCTION audit_waiting() FROM csoc_publisher;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_log")]

    operations = [
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        migrations.RunSQL(
            [COLUMNS, TREE, RIGHTS, PARTITIONS.replace("PREMADE - 4", str(PREMADE - 4)), PRUNING], UNDO
        ),
    ]
