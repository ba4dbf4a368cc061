-- The four database roles and what they may do by default. Idempotent; run as a superuser in every
-- database (default privileges belong to one database), before the first migration.
--   csoc_owner      owns the schema; only migrations use it
--   csoc_app        web, worker, beat: rows, never structure; the audit migrations take its edits away
--   csoc_sequencer  nothing here: the audit migrations grant it exactly the log
--   csoc_publisher  likewise: reads the log, adds the witnesses' cosignatures and its own entries
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['csoc_owner', 'csoc_app', 'csoc_sequencer', 'csoc_publisher'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name);
        END IF;
    END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO csoc_owner;
GRANT USAGE ON SCHEMA public TO csoc_app, csoc_sequencer, csoc_publisher;

-- New tables and sequences are usable by the app; TRUNCATE, REFERENCES and TRIGGER never are.
ALTER DEFAULT PRIVILEGES FOR ROLE csoc_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO csoc_app;
ALTER DEFAULT PRIVILEGES FOR ROLE csoc_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO csoc_app;

-- Who holds the sequencer's or the publisher's advisory lock keeps every successor waiting. So the locks of
-- two numbers belong to those two roles; everybody else has the ones of one number for their own purposes.
DO $$
DECLARE
    lock regprocedure;
BEGIN
    FOR lock IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$' AND pronargs = 2
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, csoc_owner, csoc_app', lock);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION pg_try_advisory_lock(int, int) TO csoc_sequencer, csoc_publisher;
