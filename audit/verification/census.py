"""A census computed from the lines themselves: every actor's and object's last line and count."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from audit.entry import canonical
from audit.tree import Frontier, leaf_hash

#: Lines below the census's size, and the counts that ended in pruned partitions.
COUNTS = """
SELECT key, max(idx), sum(total)::bigint FROM (
    SELECT {column} AS key, max(idx) AS idx, count(*) AS total FROM audit_log WHERE idx < %s GROUP BY {column}
    UNION ALL
    SELECT key, idx, total FROM audit_carried WHERE kind = '{column}'
) AS counted GROUP BY key
"""

Counts = Mapping[str, tuple[int, int | None]]


def root(actors: Counts, objects: Counts) -> bytes:
    """Return the root over the census's leaves, from (last index, count) of each key."""
    tree = Frontier()
    for kind, counts in (("actor", actors), ("object", objects)):
        for key in sorted(counts, key=str.encode):
            last, count = counts[key]
            tree.append(leaf_hash(canonical([kind, key, last, count])))
    return tree.root()


def counts(connection: psycopg.Connection[Any], column: str, size: int) -> Counts:
    """Return the counts of actors or objects as the database has them over lines 0 to ``size`` - 1."""
    rows: Iterable[tuple[str, int, int]] = connection.execute(COUNTS.format(column=column), [size])
    return {key: (last, total) for key, last, total in rows}
