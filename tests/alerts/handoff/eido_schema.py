"""What NENA-STA-021.1b says an EIDO must be, for the components that we write: a schema of our own.

Made from the standard's facts (names, required members, types, registry values), not a copy of NENA's schema.
"""

from typing import Any

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}
REFERENCE = {
    "type": "object", "properties": {"$ref": TEXT}, "required": ["$ref"], "additionalProperties": False,
}  # fmt: skip
REFERENCES = {"type": "array", "items": REFERENCE}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
PROLOGUE = {
    "$id": TEXT, "lastUpdateTimeStamp": MOMENT, "updatedByAgencyReference": REFERENCE,
    "updatedByAgentReference": REFERENCE,
}  # fmt: skip
INCIDENT_TYPES = [
    "NONEMERG",
    "SHOOT",
    "VEHSTLN",
    "PROPSTLN",
    "VEHSUSP",
    "PERMISS",
    "WEAPON",
    "EXTORT",
    "SUSP",
]
NIEM_TEXTS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"value": TEXT},
        "required": ["value"],
        "additionalProperties": False,
    },
}


def _component(required: list[str], **members: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": PROLOGUE | members,
        "required": ["$id", "lastUpdateTimeStamp", "updatedByAgencyReference", *required],
        "additionalProperties": False,
    }


def _list_of(component: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": component, "minItems": 1}


EIDO = _component(
    ["eidoVersion", "issuingElementIdentification", "agencyComponent", "incidentComponent"],
    eidoVersion={"const": "1.0"},
    issuingElementIdentification=TEXT,
    incidentComponent=_component(
        ["incidentTypeCommonRegistryText"],
        incidentTypeCommonRegistryText={"enum": INCIDENT_TYPES},
        incidentTypeInternalText=TEXT,
        incidentStatusCommonRegistryText={"type": "array", "items": {"enum": ["Active", "Closed"]}},
        internalIncidentId=TEXT,
        incidentPriorityInternalText=TEXT,
        incidentCommonPriorityNumber={"type": "integer"},
        locationReference=REFERENCES,
        vehicleReference=REFERENCES,
        notesReference=REFERENCES,
        agentReference=REFERENCES,
    ),
    locationComponent=_list_of(
        _component(
            ["locationTypeDescriptionRegistryText"],
            locationTypeDescriptionRegistryText={"enum": ["CurrentIncident", "InitialIncident", "Other"]},
            locationByValue=TEXT,
            locationDescriptionText=TEXT,
        )
    ),
    notesComponent=_list_of(
        _component(["notesActionComments"], notesActionComments=TEXT, agentReference=REFERENCE)
    ),
    vehicleComponent=_list_of(
        _component(
            ["vehicleRelationshipType", "vehicleRelationshipTimeStamp"],
            vehicleRelationshipType={"type": "array", "items": {"enum": ["InvolvedVehicle"]}, "minItems": 1},
            vehicleRelationshipTimeStamp=MOMENT,
            ncVehicleComponent={
                "type": "object",
                "properties": {
                    "otherIdentification": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"identificationId": NIEM_TEXTS, "category": NIEM_TEXTS},
                            "additionalProperties": False,
                        },
                    },
                    "description": NIEM_TEXTS,
                },
                "additionalProperties": False,
            },
        )
    ),
    agencyComponent=_list_of(
        _component(
            ["agencyRoleDescriptionRegistryText", "agencyType"],
            agencyRoleDescriptionRegistryText={
                "type": "array",
                "items": {
                    "enum": [
                        "Assisting",
                        "CallReceiving",
                        "Dispatched",
                        "Dispatching",
                        "Informational",
                        "TransferredTo",
                    ]
                },
                "minItems": 1,
            },
            agencyType=TEXTS,
        )
    ),
    agentComponent=_list_of(
        _component(
            ["agentRoleRegistryText", "agencyReference"],
            agentRoleRegistryText=TEXTS,
            agencyReference=REFERENCE,
        )
    ),
)
