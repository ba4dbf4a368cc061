-- Three event triggers that keep the audit log's tables as the migrations left them, against the owner
-- too. Run as a superuser in the console's database after every migration; before one, lift them with
--   DROP SCHEMA IF EXISTS csoc_guard CASCADE;
-- (`console.py run` does both). Idempotent. Without a superuser (a managed PostgreSQL) they cannot be had:
-- then the row triggers and the roles remain, and who owns the tables can change them unseen until the
-- verifier or a witness looks. A superuser always gets through: that is what the outside copies are for.
--
-- Not a list of forbidden commands but one state: after any command that changes structure, the tables,
-- triggers, functions and rights of the log must be what they were when this file was run. What may change
-- is what the log needs: well-formed partitions come, prunable ones go, rights are taken away.
BEGIN;
DROP SCHEMA IF EXISTS csoc_guard CASCADE;
CREATE SCHEMA csoc_guard;
GRANT USAGE ON SCHEMA csoc_guard TO PUBLIC;

CREATE FUNCTION csoc_guard.relations() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT c.oid FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN (
        'audit_log', 'audit_node', 'audit_checkpoint', 'audit_cosignature', 'audit_log_key',
        'audit_carried', 'audit_inbox', 'audit_inbox_seq_seq', 'audit_detail', 'audit_pulse',
        -- What people decide about the log, and what verifying it found: their triggers are rules as well.
        'audit_export_request', 'audit_review', 'audit_review_decision', 'audit_lot', 'audit_review_cursor',
        'audit_prune_request', 'audit_verification', 'audit_witness_state', 'audit_witness_file')
$$;

CREATE FUNCTION csoc_guard.partitions() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('public.audit_log')
$$;

-- A relation's shape without its own name, so that two partitions can be compared.
CREATE FUNCTION csoc_guard.shape(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT concat_ws(E'\n',
        (SELECT format('%s %s %s %s %s', relkind, pg_get_userbyid(relowner), relrowsecurity,
            relforcerowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = relation))
            FROM pg_class WHERE oid = relation),
        (SELECT string_agg(format('%s %s %s %s %s', attname,
            format_type(atttypid, atttypmod), attnotnull, attgenerated,
            (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = relation AND adnum = attnum)),
            E'\n' ORDER BY attname)
            FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped),
        (SELECT string_agg(format('%s %s %s %s', tgname, tgenabled, tgtype, tgfoid::regprocedure), E'\n'
            ORDER BY tgname) FROM pg_trigger WHERE tgrelid = relation),
        (SELECT string_agg(pg_get_ruledef(oid), E'\n' ORDER BY rulename)
            FROM pg_rewrite WHERE ev_class = relation),
        (SELECT string_agg(DISTINCT pg_get_constraintdef(oid), E'\n') FROM pg_constraint
            WHERE conrelid = relation),
        (SELECT string_agg(format('%s %s %s', indisunique, indisvalid,
            substring(pg_get_indexdef(indexrelid) FROM ' USING .*')), E'\n'
            ORDER BY substring(pg_get_indexdef(indexrelid) FROM ' USING .*'))
            FROM pg_index WHERE indrelid = relation))
$$;

CREATE FUNCTION csoc_guard.form() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT concat_ws(E'\n',
        (SELECT string_agg(r::regclass || E'\n' || csoc_guard.shape(r), E'\n' ORDER BY r::regclass::text)
            FROM csoc_guard.relations() AS r),
        -- A column dropped and added again in one command has another number.
        (SELECT string_agg(attname || attnum, ' ' ORDER BY attrelid::regclass::text, attnum)
            FROM pg_attribute WHERE attrelid IN (SELECT csoc_guard.relations()) AND NOT attisdropped),
        (SELECT string_agg(DISTINCT csoc_guard.shape(p), E'\n') FROM csoc_guard.partitions() AS p),
        (SELECT string_agg(pg_get_functiondef(oid) || pg_get_userbyid(proowner), E'\n'
            ORDER BY oid::regprocedure::text)
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'audit\_%'))
$$;

-- Who may do what, one row each; a partition counts as the log.
CREATE FUNCTION csoc_guard.rights() RETURNS TABLE (thing text, grantee text, privilege text)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH tables AS (
        SELECT oid, oid::regclass::text AS thing FROM csoc_guard.relations() AS r(oid)
        UNION ALL SELECT oid, 'partition' FROM csoc_guard.partitions() AS p(oid)
    ), lists AS (
        SELECT thing, coalesce(relacl, acldefault('r', relowner)) AS acl FROM tables JOIN pg_class USING (oid)
        UNION ALL SELECT format('%s.%s', thing, attname), attacl
        FROM tables JOIN pg_attribute ON attrelid = oid
        UNION ALL SELECT oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner))
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'audit\_%'
    )
    SELECT DISTINCT thing, CASE a.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(a.grantee) END,
        a.privilege_type || CASE WHEN a.is_grantable THEN ' (to pass on)' ELSE '' END
    FROM lists, aclexplode(acl) AS a
$$;

CREATE TABLE csoc_guard.kept_form AS SELECT csoc_guard.form() AS form;
CREATE TABLE csoc_guard.kept_rights AS SELECT * FROM csoc_guard.rights();
GRANT SELECT ON csoc_guard.kept_form, csoc_guard.kept_rights TO PUBLIC;

-- What is wrong with the partitions, or ''. One that was taken out of the log may hold no line.
CREATE FUNCTION csoc_guard.partition_fault() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    loose regclass;
    filled boolean;
BEGIN
    IF EXISTS (
        SELECT FROM csoc_guard.partitions() AS p JOIN pg_class c ON c.oid = p
        WHERE c.relname !~ '^audit_log_\d{5,}$' OR c.relnamespace <> 'public'::regnamespace
            OR pg_get_expr(c.relpartbound, c.oid) <> format('FOR VALUES FROM (%L) TO (%L)',
                substr(c.relname, 11)::bigint << 20, (substr(c.relname, 11)::bigint + 1) << 20)
    ) THEN
        RETURN 'a partition of the log would have another name or range';
    END IF;
    FOR loose IN SELECT oid FROM pg_class WHERE relname ~ '^audit_log_\d{5,}$' AND relkind = 'r'
        AND oid NOT IN (SELECT csoc_guard.partitions())
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', loose) INTO filled;
        IF filled THEN
            RETURN format('%s holds lines and would leave the log', loose);
        END IF;
    END LOOP;
    RETURN '';
END
$$;

CREATE FUNCTION csoc_guard.refuse(command text, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% is refused: %', command, why USING ERRCODE = 'insufficient_privilege',
        HINT = 'The audit log changes by migrations only: a superuser lifts csoc/sql/guards.sql for them.';
END
$$;

-- Commands that commit half-way could not be taken back by the check that comes after them.
CREATE FUNCTION csoc_guard.on_start() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_query() ~* 'concurrently' THEN
        PERFORM csoc_guard.refuse(tg_tag, 'CONCURRENTLY is not possible while the log is guarded');
    END IF;
END
$$;

CREATE FUNCTION csoc_guard.on_end() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    fault text := csoc_guard.partition_fault();
    gained text;
BEGIN
    IF fault <> '' THEN
        PERFORM csoc_guard.refuse(tg_tag, fault);
    END IF;
    IF csoc_guard.form() IS DISTINCT FROM (SELECT form FROM csoc_guard.kept_form) THEN
        PERFORM csoc_guard.refuse(tg_tag, 'a table, trigger or function of the audit log would change');
    END IF;
    SELECT string_agg(format('%s on %s to %s', privilege, thing, grantee), ', ') INTO gained FROM (
        SELECT * FROM csoc_guard.rights() EXCEPT SELECT * FROM csoc_guard.kept_rights) AS more;
    IF gained IS NOT NULL THEN
        PERFORM csoc_guard.refuse(tg_tag, 'it would give rights to the audit log: ' || gained);
    END IF;
END
$$;

CREATE FUNCTION csoc_guard.on_drop() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    name text;
    fault text;
BEGIN
    FOR name IN SELECT object_name FROM pg_event_trigger_dropped_objects()
        WHERE object_type = 'table' AND schema_name = 'public' AND object_name LIKE 'audit\_%'
        ORDER BY object_name
    LOOP
        -- A partition may go when the sealed log itself says so; on_end sees about all other tables.
        IF name ~ '^audit_log_\d{5,}$' THEN
            fault := public.audit_not_prunable(substr(name, 11)::bigint);
            IF fault <> '' THEN
                PERFORM csoc_guard.refuse(tg_tag, fault);
            END IF;
        ELSIF to_regclass('public.audit_log') IS NULL THEN
            PERFORM csoc_guard.refuse(tg_tag, 'a table, trigger or function of the audit log would change');
        END IF;
    END LOOP;
END
$$;

-- A rewrite can change every line and leave the same structure behind.
CREATE FUNCTION csoc_guard.on_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF pg_event_trigger_table_rewrite_oid() IN (
        SELECT csoc_guard.relations() UNION SELECT csoc_guard.partitions()) THEN
        PERFORM csoc_guard.refuse(tg_tag, 'it would write every line of the audit log anew');
    END IF;
END
$$;

CREATE EVENT TRIGGER csoc_guard_start ON ddl_command_start
    WHEN TAG IN ('ALTER TABLE', 'CREATE INDEX', 'DROP INDEX') EXECUTE FUNCTION csoc_guard.on_start();
CREATE EVENT TRIGGER csoc_guard_drop ON sql_drop EXECUTE FUNCTION csoc_guard.on_drop();
CREATE EVENT TRIGGER csoc_guard_rewrite ON table_rewrite EXECUTE FUNCTION csoc_guard.on_rewrite();
CREATE EVENT TRIGGER csoc_guard_end ON ddl_command_end EXECUTE FUNCTION csoc_guard.on_end();
ALTER EVENT TRIGGER csoc_guard_start ENABLE ALWAYS;
ALTER EVENT TRIGGER csoc_guard_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER csoc_guard_rewrite ENABLE ALWAYS;
ALTER EVENT TRIGGER csoc_guard_end ENABLE ALWAYS;
COMMIT;
