"""What the database itself must refuse: the app's role may add to the log and nothing else."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

HINT = "Run the console as csoc_app, and migrations as csoc_owner."
#: (table, privilege) that the app's role may never hold.
FORBIDDEN = [
    *[("audit_inbox", right) for right in ("SELECT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")],
    *[("audit_log", right) for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")],
    *[("audit_detail", right) for right in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER")],
]
#: Migrations run as the owner and the sequencer as itself; the check is about everybody else.
OTHER_ROLES = ("csoc_owner", "csoc_sequencer")

RIGHTS = """
SELECT t.relname, r.privilege FROM unnest(%s::text[], %s::text[]) AS r(relation, privilege)
JOIN pg_class t ON t.relname = r.relation AND t.relnamespace = 'public'::regnamespace
WHERE has_table_privilege(%s, t.oid, r.privilege)
"""
COLUMN_RIGHTS = """
SELECT t.relname, 'column ' || right_ FROM pg_class t, unnest(ARRAY['SELECT', 'UPDATE']) AS right_
WHERE t.relname = 'audit_inbox' AND t.relnamespace = 'public'::regnamespace
  AND has_any_column_privilege(%s, t.oid, right_)
"""
OWNED = """
SELECT relname, 'ownership' FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'audit\\_%%' AND relkind IN ('r', 'p')
  AND pg_has_role(%s, relowner, 'USAGE')
"""


def faults(role: str, using: str = "default") -> list[str]:
    """Return what ``role`` may do to the log that the app never should, as ``table: right``."""
    tables = [table for table, _right in FORBIDDEN]
    rights = [right for _table, right in FORBIDDEN]
    with connections[using].cursor() as cursor:
        cursor.execute(RIGHTS, [tables, rights, role])
        found = set(cursor.fetchall())
        for query in (COLUMN_RIGHTS, OWNED):
            cursor.execute(query, [role])
            found |= set(cursor.fetchall())
    return sorted(f"{table}: {right}" for table, right in found)


def own_faults(using: str = "default") -> tuple[str, list[str]]:
    """Return this process's own database role and what it may do that it never should."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        role = str(cursor.fetchone()[0])
    return role, faults(role, using)


def refuse_unsafe_role() -> None:
    """Stop a production web process, before its first request, that could change the log.

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
    if role in OTHER_ROLES or not found:
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
