"""What the database itself must refuse: the app's role may add to the log and nothing else."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

HINT = (
    "Each process has its own role (csoc_app, csoc_sequencer, csoc_publisher); migrations run as csoc_owner."
)
_EVERY = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
_CHANGE = ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
_TREE = ("audit_node", "audit_checkpoint", "audit_log_key", "audit_carried")
#: (table, privilege) that a process may never hold. The publisher adds cosignatures by column, so no role
#: holds INSERT on that whole table.
FORBIDDEN = [
    *[("audit_inbox", right) for right in ("SELECT", *_CHANGE)],
    *[(table, right) for table in ("audit_log", *_TREE, "audit_cosignature") for right in _EVERY],
    *[("audit_detail", right) for right in _CHANGE],
]
#: What the sequencer may hold of it: that is its work.
SEQUENCER_MAY = {
    ("audit_inbox", "SELECT"),
    ("audit_inbox", "DELETE"),
    *[(table, "INSERT") for table in ("audit_log", "audit_node", "audit_checkpoint", "audit_log_key")],
}
#: Tables of which no column may be changed by anybody, and the one whose columns nobody reads.
_UNCHANGED = ("audit_inbox", "audit_log", *_TREE, "audit_cosignature")
#: Migrations run as the owner; the check is about everybody else.
OWNER = "csoc_owner"
SEQUENCER = "csoc_sequencer"
PUBLISHER = "csoc_publisher"

RIGHTS = """
SELECT t.relname, r.privilege FROM unnest(%s::text[], %s::text[]) AS r(relation, privilege)
JOIN pg_class t ON t.relname = r.relation AND t.relnamespace = 'public'::regnamespace
WHERE has_table_privilege(%s, t.oid, r.privilege)
"""
COLUMN_RIGHTS = """
SELECT t.relname, 'column ' || right_ FROM pg_class t, unnest(ARRAY['SELECT', 'UPDATE', 'INSERT']) AS right_
WHERE t.relname = ANY(%s) AND t.relnamespace = 'public'::regnamespace
  AND has_any_column_privilege(%s, t.oid, right_)
  AND (right_ = 'UPDATE' OR right_ = 'SELECT' AND t.relname = 'audit_inbox'
       OR right_ = 'INSERT' AND t.relname <> 'audit_inbox')
"""
OWNED = """
SELECT relname, 'ownership' FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'audit\\_%%' AND relkind IN ('r', 'p')
  AND pg_has_role(%s, relowner, 'USAGE')
"""
#: The triggers that migrations make, by table: name and function. "audit_log" stands for each partition, too.
TRIGGERS = {
    "audit_inbox": {
        "audit_inbox_update": "audit_refuse",
        "audit_inbox_truncate": "audit_refuse",
        "audit_inbox_delete": "audit_refuse_delete",
    },
    "audit_carried": {"audit_carried_statement": "audit_refuse"},
    "audit_detail": {"audit_detail_statement": "audit_refuse", "audit_detail_rows": "audit_detail_keep"},
    **{
        table: {f"{table}_rows": "audit_refuse", f"{table}_statement": "audit_refuse"}
        for table in ("audit_log", "audit_node", "audit_checkpoint", "audit_log_key", "audit_cosignature")
    },
}
#: One that is not there, calls another function, or only sometimes. Only of tables that there are.
MISSING = """
SELECT c.relname || ': ' || wanted.name
FROM unnest(%s::text[], %s::text[], %s::text[]) AS wanted(relation, name, function)
JOIN pg_class c ON c.relnamespace = 'public'::regnamespace AND (c.relname = wanted.relation
    OR c.oid IN (SELECT inhrelid FROM pg_inherits
        WHERE inhparent = to_regclass('public.' || wanted.relation) AND wanted.relation = 'audit_log'))
WHERE NOT EXISTS (
    SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = wanted.name AND t.tgqual IS NULL
        AND t.tgfoid = to_regproc('public.' || wanted.function))
ORDER BY 1
"""
#: A trigger that was switched off, or that replication mode would pass by.
SLEEPING = """
SELECT t.tgrelid::regclass::text || ': ' || t.tgname FROM pg_trigger t
WHERE NOT t.tgisinternal AND t.tgenabled <> 'A' AND (
    t.tgrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.audit_log'::regclass)
    OR t.tgrelid::regclass::text = ANY(%s))
ORDER BY 1
"""


def faults(role: str, using: str = "default") -> list[str]:
    """Return what ``role`` may do to the log that it never should, as ``table: right``."""
    tables = [table for table, _right in FORBIDDEN]
    rights = [right for _table, right in FORBIDDEN]
    with connections[using].cursor() as cursor:
        cursor.execute(RIGHTS, [tables, rights, role])
        found = set(cursor.fetchall())
        cursor.execute(COLUMN_RIGHTS, [list(_UNCHANGED), role])
        found |= set(cursor.fetchall())
        cursor.execute(OWNED, [role])
        found |= set(cursor.fetchall())
    return sorted(f"{table}: {right}" for table, right in found - _allowed(role))


def _allowed(role: str) -> set[tuple[str, str]]:
    if role == SEQUENCER:
        columns = {(table, f"column {right}") for table, right in SEQUENCER_MAY}
        return SEQUENCER_MAY | columns
    return {("audit_cosignature", "column INSERT")} if role == PUBLISHER else set()


def sleeping_triggers(using: str = "default") -> list[str]:
    """Return the triggers of the log that would not fire always, as ``table: trigger``."""
    with connections[using].cursor() as cursor:
        cursor.execute(SLEEPING, [[*_UNCHANGED, "audit_detail"]])
        return [str(name) for (name,) in cursor.fetchall()]


def missing_triggers(using: str = "default") -> list[str]:
    """Return the triggers made by migrations that are gone, or are others now, as ``table: trigger``."""
    wanted = [(table, *made) for table, triggers in TRIGGERS.items() for made in triggers.items()]
    with connections[using].cursor() as cursor:
        cursor.execute(MISSING, [list(column) for column in zip(*wanted, strict=True)])
        return [str(name) for (name,) in cursor.fetchall()]


def own_faults(using: str = "default") -> tuple[str, list[str]]:
    """Return this process's own database role and what is unsafe about it or about the log's triggers."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        role = str(cursor.fetchone()[0])
    off = [f"{name} is switched off" for name in sleeping_triggers(using)]
    gone = [f"{name} is missing" for name in missing_triggers(using)]
    return role, faults(role, using) + off + gone


def refuse_unsafe_role() -> None:
    """Stop a production process, before its first request or entry, that could change the log.

    Errors: SystemExit with the reason. Demonstrations and tests start anyway.
    """
    if settings.IS_DEMO:
        return
    role, found = own_faults()
    connections.close_all()
    if found:
        raise SystemExit(f"The database role {role} could change the audit log ({', '.join(found)}). {HINT}")


@register(Tags.database)
def unsafe_role(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse, in production, a web role that could change the log (``check --database default``)."""
    if settings.IS_DEMO or not databases:
        return []
    role, found = own_faults()
    if role == OWNER or not found:
        return []
    return [
        Error(
            f"The database role {role} could change the audit log ({', '.join(found)}).",
            hint=HINT,
            id="audit.E001",
        )
    ]


@register(Tags.database)
def movable_clock(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse, in production, a database that was migrated for a demonstration: it erases before its time."""
    if settings.IS_DEMO or not databases:
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT audit_erasable_until() > clock_timestamp() + interval '1 minute'")
        row = cursor.fetchone()
    if not (row and row[0]):
        return []
    hint = "Migrate a new database with CSOC_ENV unset, which means production."
    return [
        Error(
            "The database was made for a demonstration, where time can be moved.", hint=hint, id="audit.E002"
        )
    ]
