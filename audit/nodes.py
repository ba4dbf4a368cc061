"""Reads full nodes of the stored tree: leaves from ``audit_log``, everything above from ``audit_node``."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from audit.tree import Coordinate, Read

#: Runs of neighbours, so that a tile is one range and not 256 keys; the outer bounds let PostgreSQL leave
#: out the partitions that cannot matter.
FETCH = """
SELECT 0 AS level, l.idx, l.leaf
FROM unnest(%(leaf_from)s::bigint[], %(leaf_to)s::bigint[]) AS run(a, b),
    LATERAL (SELECT idx, leaf FROM audit_log WHERE idx BETWEEN run.a AND run.b
        AND idx BETWEEN %(lowest)s AND %(highest)s ORDER BY idx) AS l
UNION ALL
SELECT node.level, node.n, node.hash
FROM unnest(%(level)s::smallint[], %(node_from)s::bigint[], %(node_to)s::bigint[]) AS run(level, a, b),
    LATERAL (SELECT level, n, hash FROM audit_node
        WHERE level = run.level AND n BETWEEN run.a AND run.b ORDER BY n) AS node
"""


class NodeMissing(LookupError):
    """The database does not have a node that the tree needs: its lines were pruned, or it was removed."""

    def __init__(self, level: int, n: int) -> None:
        what = f"the hash of line {n}" if level == 0 else f"node {n} of level {level}"
        super().__init__(f"{what} is not in the database")
        self.level, self.n = level, n


def reader(connection: Any) -> Read:
    """Return a reader over ``connection`` (psycopg's or Django's): one query a call. Errors: NodeMissing.

    Never reads what was not asked for, so a pruned part of the log matters only to who asks for it.
    """

    return lambda wanted: among(present(connection, wanted))(wanted)


def among(found: dict[Coordinate, bytes]) -> Read:
    """Return a reader of nodes that were fetched before. Errors: NodeMissing."""

    def read(wanted: list[Coordinate]) -> list[bytes]:
        for level, n in wanted:
            if (level, n) not in found:
                raise NodeMissing(level, n)
        return [found[node] for node in wanted]

    return read


def present(connection: Any, wanted: Iterable[Coordinate]) -> dict[Coordinate, bytes]:
    """Return those of the nodes ``wanted`` that the database has, in one query."""
    runs = _runs(wanted)
    if not runs:
        return {}
    leaves = [(a, b) for level, a, b in runs if level == 0]
    nodes = [run for run in runs if run[0]]
    parameters = {
        "leaf_from": [a for a, _b in leaves],
        "leaf_to": [b for _a, b in leaves],
        "lowest": leaves[0][0] if leaves else -1,
        "highest": leaves[-1][1] if leaves else -1,
        "level": [level for level, _a, _b in nodes],
        "node_from": [a for _level, a, _b in nodes],
        "node_to": [b for _level, _a, b in nodes],
    }
    with connection.cursor() as cursor:
        cursor.execute(FETCH, parameters)
        return {(level, n): bytes(value) for level, n, value in cursor.fetchall()}


def _runs(wanted: Iterable[Coordinate]) -> list[tuple[int, int, int]]:
    """Return the nodes as (level, first, last) without gaps, by level and number."""
    runs = []
    numbered = enumerate(sorted(set(wanted)))
    for (level, _gap), group in groupby(numbered, lambda item: (item[1][0], item[1][1] - item[0])):
        numbers = [n for _position, (_level, n) in group]
        runs.append((level, numbers[0], numbers[-1]))
    return runs
