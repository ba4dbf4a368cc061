"""H1 to H3 asked of the database in plain SQL, without the models that are judged by it.

``broken()`` returns what does not hold, in words; an empty list is the proof. Nothing here calls a policy,
a method of a model, or the code that makes a hash: the content that was sent is compared column by column.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from csoc.lib import canonical

Row = dict[str, Any]

#: Each query finds what may not be.
NEVER = {
    "H1: active without incident, need, alternatives, place or term": """
        SELECT d.id FROM deployments_deployment d WHERE d.state = 'active' AND (
            d.incident_id IS NULL OR d.risk_id IS NULL OR d.consent_id IS NULL OR d.authorisation_id IS NULL
            OR btrim(d.aim) = '' OR btrim(d.alternatives) = '' OR btrim(d.site) = '' OR d.lat IS NULL
            OR d.starts_at IS NULL OR d.ends_at IS NULL OR d.activated_at IS NULL OR d.modules = '{}')""",
    "H1: a term of over 14 days, or none": """
        SELECT d.id FROM deployments_deployment d WHERE d.state IN ('submitted', 'authorised', 'active')
        AND NOT (d.ends_at > d.starts_at AND d.ends_at - d.starts_at <= interval '14 days')""",
    "H1: active, and the risk was not current at the threshold when it was switched on": """
        SELECT d.id FROM deployments_deployment d JOIN deployments_riskassessment r ON r.id = d.risk_id
        WHERE d.state = 'active' AND NOT (r.incident_id = d.incident_id AND r.score >= r.threshold
            AND r.assessed_at <= d.activated_at AND d.activated_at < r.valid_until)""",
    "H1: the score is not what the matrix gives": """
        SELECT r.id FROM deployments_riskassessment r JOIN deployments_riskmatrix m ON m.id = r.matrix_id
        WHERE m.published_at IS NULL OR r.threshold <> m.threshold OR r.score <>
            (SELECT sum((f ->> 'weight')::int * (r.factors -> (f ->> 'key') ->> 'level')::int)
             FROM jsonb_array_elements(m.factors) f)""",
    "H1: active, and the consent did not cover it when it was switched on": """
        SELECT d.id FROM deployments_deployment d JOIN deployments_consent c ON c.id = d.consent_id
        WHERE d.state = 'active' AND NOT (d.modules <@ c.modules AND d.ends_at <= c.expires_at
            AND c.given_at <= d.activated_at AND d.activated_at < c.expires_at
            AND abs(c.lat - d.lat) <= 0.0003 AND abs(c.lon - d.lon) <= 0.0005)""",
    "H1: a sensor or a list without a justification": """
        SELECT d.id FROM deployments_deployment d WHERE d.state IN ('submitted', 'authorised', 'active')
        AND NOT (d.justifications ?& d.modules::text[] AND d.justifications ?&
                 array(SELECT 'list:' || name FROM unnest(d.hotlist_categories) name))""",
    "H1: authorised by the applicant, or by somebody who had written a part of it": """
        SELECT a.deployment_id FROM deployments_authorisation a
        JOIN deployments_deployment d ON d.id = a.deployment_id
        WHERE a.officer_id = d.applicant_id OR a.applicant_id <> d.applicant_id OR EXISTS
            (SELECT 1 FROM deployments_contribution c WHERE c.deployment_id = d.id
             AND c.person_id = a.officer_id AND c.at <= a.authorised_at)""",
    "H2: authorised or active under an authorisation of something else": """
        SELECT d.id FROM deployments_deployment d LEFT JOIN deployments_authorisation a
            ON a.id = d.authorisation_id AND a.deployment_id = d.id
        WHERE d.state IN ('authorised', 'active') AND a.content_hash IS DISTINCT FROM d.content_hash""",
    "H2: an authorisation of something that was never sent": """
        SELECT a.deployment_id FROM deployments_authorisation a WHERE NOT EXISTS
            (SELECT 1 FROM deployments_submission s WHERE s.deployment_id = a.deployment_id
             AND s.content_hash = a.content_hash AND s.at <= a.authorised_at)""",
    "H2: an authorisation without its one decision on that version": """
        SELECT a.deployment_id FROM deployments_authorisation a WHERE 1 <>
            (SELECT count(*) FROM deployments_decision e
             JOIN deployments_submission s ON s.deployment_id = e.deployment_id AND s.version = e.version
             WHERE e.deployment_id = a.deployment_id AND e.verdict = 'authorise' AND e.at = a.authorised_at
             AND e.officer_id = a.officer_id AND e.content_hash = a.content_hash
             AND s.content_hash = a.content_hash)""",
    "H2: more authorisations than decisions to authorise": """
        SELECT d.id FROM deployments_deployment d WHERE
            (SELECT count(*) FROM deployments_authorisation a WHERE a.deployment_id = d.id) <>
            (SELECT count(*) FROM deployments_decision e WHERE e.deployment_id = d.id
             AND e.verdict = 'authorise')""",
    "H3: two active ones of one trailer": """
        SELECT d.trailer_id FROM deployments_deployment d WHERE d.state = 'active'
        GROUP BY d.trailer_id HAVING count(*) > 1""",
    "H3: two authorised or active terms of one trailer overlap": """
        SELECT d.id FROM deployments_deployment d JOIN deployments_deployment o
            ON o.trailer_id = d.trailer_id AND o.id > d.id
        WHERE d.state IN ('authorised', 'active') AND o.state IN ('authorised', 'active')
        AND tstzrange(d.starts_at, d.ends_at) && tstzrange(o.starts_at, o.ends_at)""",
    "H3: active, and its consent was withdrawn": """
        SELECT d.id FROM deployments_deployment d JOIN deployments_consent c ON c.id = d.consent_id
        WHERE d.state IN ('active', 'authorised') AND c.withdrawn_at IS NOT NULL""",
    "H3: an end without its record": """
        SELECT d.id FROM deployments_deployment d WHERE d.state = 'deactivated'
        AND (d.deactivated_at IS NULL OR d.deactivation_reason = '')""",
    "H3: a record of an end on something that has not ended": """
        SELECT d.id FROM deployments_deployment d WHERE d.state <> 'deactivated'
        AND (d.deactivated_at IS NOT NULL OR d.deactivation_reason <> '')""",
    "a term taken over by none, or with a gap": """
        SELECT o.id FROM deployments_deployment o WHERE o.deactivation_reason = 'renewed' AND NOT EXISTS
            (SELECT 1 FROM deployments_deployment n WHERE n.renews_id = o.id AND n.term > o.term
             AND (n.year, n.serial, n.trailer_id) = (o.year, o.serial, o.trailer_id)
             AND n.activated_at <= o.deactivated_at AND n.activated_at < o.ends_at)""",
    "two terms of one number stand": """
        SELECT d.year FROM deployments_deployment d WHERE d.state IN ('authorised', 'active')
        GROUP BY d.year, d.serial HAVING count(*) FILTER (WHERE d.state = 'active') > 1""",
}

DESIRED = """
SELECT t.number, s.modules, s.deployment, d.id, d.modules AS asked, d.year, d.serial
FROM trailers_desiredstate s JOIN trailers_trailer t ON t.id = s.trailer_id
LEFT JOIN deployments_deployment d ON d.trailer_id = t.id AND d.state = 'active'
"""
STANDING = """
SELECT d.*, s.content AS sent, s.content_hash AS sent_hash, r.valid_until AS risk_until,
       r.score AS risk_score, c.expires_at AS consent_until, c.document_sha256, i.cad,
       t.number AS trailer_number
FROM deployments_deployment d JOIN deployments_authorisation a ON a.id = d.authorisation_id
JOIN LATERAL (SELECT * FROM deployments_submission x WHERE x.deployment_id = d.id
              AND x.content_hash = a.content_hash ORDER BY x.version DESC LIMIT 1) s ON true
JOIN deployments_riskassessment r ON r.id = d.risk_id JOIN deployments_consent c ON c.id = d.consent_id
JOIN deployments_incident i ON i.id = d.incident_id JOIN trailers_trailer t ON t.id = d.trailer_id
WHERE d.state IN ('authorised', 'active')
"""
NARROWED = "SELECT field, before, after FROM deployments_tightening WHERE deployment_id = %s ORDER BY id"


def rows(query: str, values: Any = None) -> list[Row]:
    """Rows by column name; JSON as values."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description or ()]
        return [
            {name: _value(name, value) for name, value in zip(names, row, strict=True)}
            for row in cursor.fetchall()
        ]


def _value(name: str, value: Any) -> Any:
    json_columns = ("justifications", "forbidden_sectors", "sensitive_places", "sent", "before", "after")
    if isinstance(value, str) and (name in json_columns or name == "modules"):
        return json.loads(value)
    return value


def broken() -> list[str]:
    """What of H1 to H3 does not hold now."""
    found = []
    for what, query in NEVER.items():
        wrong = rows(query)
        if wrong:
            found.append(f"{what}: {wrong[:3]}")
    return found + _sensors_follow() + [line for row in rows(STANDING) for line in _as_sent(row)]


def _sensors_follow() -> list[str]:
    """H3: without an active deployment every sensor is off; with one no other than its own are on."""
    found = []
    for row in rows(DESIRED):
        on = {name for name, wanted in row["modules"].items() if wanted}
        if row["id"] is None and (on or row["deployment"]):
            found.append(
                f"H3: nothing is active, trailer {row['number']} is to have {on or row['deployment']}"
            )
        if row["id"] is not None and on != set(row["asked"]):
            found.append(f"H3: trailer {row['number']} is to have {on}, authorised are {row['asked']}")
        if row["id"] is not None and row["deployment"] != f"DEP-{row['year']}-{row['serial']:04d}":
            found.append(f"H3: trailer {row['number']} is told of {row['deployment']}")
    return found


def in_force(trailer_number: int, now: datetime) -> int | None:
    """The deployment under which the trailer may sense, as the issue says it and nothing else."""
    found = rows(
        """SELECT d.id FROM deployments_deployment d JOIN deployments_consent c ON c.id = d.consent_id
        JOIN trailers_trailer t ON t.id = d.trailer_id
        WHERE t.number = %s AND d.state = 'active' AND d.starts_at <= %s AND %s < d.ends_at
        AND c.withdrawn_at IS NULL AND %s < c.expires_at""",
        [trailer_number, now, now, now],
    )
    assert len(found) <= 1, found
    return found[0]["id"] if found else None


def _as_sent(row: Row) -> list[str]:
    """H2: what stands is what was sent and read, but for what was narrowed since."""
    sent, name = row["sent"], f"H2: DEP-{row['year']}-{row['serial']:04d}.{row['term']}"
    found = []
    if hashlib.sha256(canonical.dumps(sent)).hexdigest() != row["sent_hash"]:
        found.append(f"{name}: the hash is not that of what was sent")
    if row["content_hash"] != row["sent_hash"]:
        found.append(f"{name}: the hash is not that of what was authorised")
    found += [
        f"{name}: {path} is {now!r}, {was!r} was read"
        for path, now, was in _compared(row, sent)
        if now != was
    ]
    return found + _narrowed(row, sent, name)


def _compared(row: Row, sent: Any) -> list[tuple[str, Any, Any]]:
    """Each thing that may not change at all once it was sent: its path, as it stands, as it was read."""
    need, place, privacy, risk = sent["need"], sent["place"], sent["privacy"], sent["risk"]
    same = [(part, key, row[key], sent[part][key]) for part, key in (
        ("need", "aim"), ("need", "alternatives"), ("need", "justifications"), ("need", "review_every_days"),
        ("place", "site"), ("place", "address"), ("place", "sensitive_places"),
        ("privacy", "signage"), ("privacy", "notice"), ("privacy", "retention_class"),
    )]  # fmt: skip
    return [(f"{part}.{key}", now, was) for part, key, now, was in same] + [
        ("need.starts_at", _wire(row["starts_at"]), need["starts_at"]),
        ("place.lat", f"{row['lat']:.6f}", place["lat"]),
        ("place.lon", f"{row['lon']:.6f}", place["lon"]),
        ("place.heading_deg", f"{row['heading_deg']:.1f}", place["heading_deg"]),
        ("place.quiet_from", row["quiet_from"] and f"{row['quiet_from']:%H:%M}", place["quiet_from"]),
        ("place.quiet_to", row["quiet_to"] and f"{row['quiet_to']:%H:%M}", place["quiet_to"]),
        ("risk.assessment", row["risk_id"], risk["assessment"]),
        ("risk.score", row["risk_score"], risk["score"]),
        ("risk.valid_until", _wire(row["risk_until"]), risk["valid_until"]),
        ("consent.consent", row["consent_id"], sent["consent"]["consent"]),
        ("consent.document_sha256", row["document_sha256"], sent["consent"]["document_sha256"]),
        ("consent.expires_at", _wire(row["consent_until"]), sent["consent"]["expires_at"]),
        ("incident.cad", row["cad"], sent["incident"]["cad"]),
        ("trailer", f"TRL-{row['trailer_number']:04d}", sent["trailer"]),
        ("term", row["term"], sent["term"]),
        ("recording", False, privacy["recording"]),
    ]


def _narrowed(row: Row, sent: Any, name: str) -> list[str]:
    """What may be narrowed while it is active: never more than was read, and each step on record."""
    need, place = sent["need"], sent["place"]
    less = {
        "modules": set(row["modules"]) <= set(need["modules"]),
        "hotlist_categories": set(row["hotlist_categories"]) <= set(need["hotlist_categories"]),
        "ends_at": _wire(row["ends_at"]) <= need["ends_at"],
        "forbidden_sectors": all(one in row["forbidden_sectors"] for one in place["forbidden_sectors"]),
        "speaker_ceiling_pct": row["speaker_ceiling_pct"] <= place["speaker_ceiling_pct"],
        "quiet_ceiling_pct": row["quiet_ceiling_pct"] <= place["quiet_ceiling_pct"],
    }
    found = [f"{name}: {field} is more than was read" for field, holds in less.items() if not holds]
    stands: dict[str, Any] = {field: sent["need" if field in need else "place"][field] for field in less}
    for step in rows(NARROWED, [row["id"]]):
        if row["state"] != "active" or _plain(step["before"]) != _plain(stands[step["field"]]):
            found.append(f"{name}: the record of narrowing {step['field']} does not follow")
        stands[step["field"]] = step["after"]
    found += [
        f"{name}: {field} was narrowed without a record"
        for field, value in stands.items()
        if _plain(value) != _plain(_wire(row[field]) if field == "ends_at" else row[field])
    ]
    return found


def _plain(value: Any) -> Any:
    """A list whose order says nothing."""
    return sorted(value, key=str) if isinstance(value, list) else value


def _wire(moment: datetime) -> str:
    """RFC 3339 with milliseconds, made here and not by the clock's own function."""
    zero = moment.utcoffset() or timedelta()
    utc = (moment - zero).replace(tzinfo=None)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"
