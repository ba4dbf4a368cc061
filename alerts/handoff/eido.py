"""NENA EIDO in JSON (ANSI/NENA-STA-021.1b-2022, ``eidoVersion`` 1.0) from the facts of an alert.

Names and required members as the standard has them. An EIDO carries the state of an incident, so a
correction is the same ``$id`` with a later ``lastUpdateTimeStamp``, and not a message about a message.
It knows no exercise: a drill is of the type ``NONEMERG`` ("not an emergency"), and says so in words first.

Incident types are APCO's, the nearest to the list's category; ``SUSP`` where there is none. The vehicle has
no member for a plate, so it stands as ``otherIdentification`` of the NIEM vehicle, and in the notes.
"""

import html
import json
import re
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from alerts.handoff.facts import Facts
from alerts.handoff.wording import EXERCISE, event_of, place_of, rows_of

MEDIA_TYPE = "application/json"
VERSION = "1.0"
TYPES = {
    "stolen_vehicle": "VEHSTLN",
    "stolen_plate": "PROPSTLN",
    "wanted_vehicle": "VEHSUSP",
    "amber_alert": "PERMISS",
    "missing_person_vehicle": "PERMISS",
    "firearm_investigation": "WEAPON",
    "extortion_investigation": "EXTORT",
}
Component = dict[str, Any]


def moment(at: datetime) -> str:
    """Return a date-time of RFC 3339, with its offset."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def incident_type(facts: Facts) -> str:
    """Return the type of the common registry."""
    if facts.drill:
        return "NONEMERG"
    return "SHOOT" if facts.kind == "gunshot" else TYPES.get(facts.category, "SUSP")


def document(facts: Facts) -> bytes:
    """Return the object as UTF-8 JSON."""
    agency, agent = f"{_label(facts.agency_code)}.{facts.host}", f"{facts.person}@{facts.host}"

    def component(name: str, **members: Any) -> Component:
        head = {
            "$id": f"{name}:{facts.alert}@{facts.host}",
            "lastUpdateTimeStamp": moment(facts.message.at),
            "updatedByAgencyReference": _to(agency),
            "updatedByAgentReference": _to(agent),
        }
        return head | members

    place = component(
        "location", locationTypeDescriptionRegistryText="InitialIncident", locationByValue=_pidf(facts),
        locationDescriptionText=place_of(facts),
    )  # fmt: skip
    note = component("note", notesActionComments=_html(facts), agentReference=_to(agent))
    vehicles = [component("vehicle", **_vehicle(facts))] if facts.vehicle else []
    incident = component(
        "incident",
        incidentTypeCommonRegistryText=incident_type(facts),
        incidentTypeInternalText=(EXERCISE if facts.drill else "") + event_of(facts),
        incidentStatusCommonRegistryText=["Active"],
        internalIncidentId=facts.cad or facts.alert,
        incidentPriorityInternalText=f"P{facts.priority}",
        incidentCommonPriorityNumber=facts.priority,
        locationReference=[_to(place["$id"])],
        notesReference=[_to(note["$id"])],
        agentReference=[_to(agent)],
    )
    if vehicles:
        incident["vehicleReference"] = [_to(one["$id"]) for one in vehicles]
    whole = component(
        "eido",
        eidoVersion=VERSION,
        issuingElementIdentification=facts.host,
        incidentComponent=incident,
        locationComponent=[place],
        notesComponent=[note],
        agencyComponent=[
            component("agency", agencyRoleDescriptionRegistryText=["Assisting"], agencyType=["police"])
            | {"$id": agency}
        ],
        agentComponent=[
            component("agent", agentRoleRegistryText=["Dispatching"], agencyReference=_to(agency))
            | {"$id": agent}
        ],
    )
    whole["$id"] = f"urn:emergency:uid:incidentid:{facts.alert.replace('-', '')}:{facts.host}"
    if vehicles:
        whole["vehicleComponent"] = vehicles
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _vehicle(facts: Facts) -> Component:
    seen = facts.vehicle
    assert seen is not None
    plates = [(seen.plate, "licence plate as read"), (seen.listed, "licence plate as listed")]
    niem: Component = {
        "otherIdentification": [
            {"identificationId": [{"value": plate}], "category": [{"value": f"{words}, {seen.jurisdiction}"}]}
            for plate, words in plates
            if plate
        ]
    }
    if seen.words:
        niem["description"] = [{"value": seen.words}]
    return {
        "vehicleRelationshipType": ["InvolvedVehicle"],
        "vehicleRelationshipTimeStamp": moment(facts.occurred_at),
        "ncVehicleComponent": niem,
    }


def _pidf(facts: Facts) -> str:
    """PIDF-LO (RFC 4119, RFC 5491): a circle of ``radius_m`` metres, WGS 84, latitude first."""
    entity = escape(f"pres:{facts.trailer}@{facts.host}", {'"': "&quot;"})
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        ' xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:gml="http://www.opengis.net/gml"'
        f' xmlns:gs="http://www.opengis.net/pidflo/1.0" entity="{entity}">'
        f'<dm:device id="{escape(facts.trailer)}"><gp:geopriv><gp:location-info>'
        '<gs:Circle srsName="urn:ogc:def:crs:EPSG::4326">'
        f"<gml:pos>{facts.lat:.6f} {facts.lon:.6f}</gml:pos>"
        f'<gs:radius uom="urn:ogc:def:uom:EPSG::9001">{facts.radius_m}</gs:radius></gs:Circle>'
        "</gp:location-info><gp:usage-rules/><gp:method>Derived</gp:method></gp:geopriv>"
        f"<dm:timestamp>{facts.occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</dm:timestamp>"
        "</dm:device></presence>"
    )


def _html(facts: Facts) -> str:
    """The rows as HTML5, which is what a note is in EIDO; what a person wrote is only ever text there."""
    rows = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(words)}</dd>" for name, words in rows_of(facts))
    return f"<dl>{''.join(rows)}</dl>"


def _to(identifier: str) -> Component:
    return {"$ref": identifier}


def _label(code: str) -> str:
    """An agency's code as a label of a host name."""
    return re.sub(r"[^a-z0-9-]", "-", code.lower()) or "agency"
