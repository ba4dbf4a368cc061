"""CAP 1.2 (OASIS Standard, 1 July 2010; ITU-T X.1303bis) from the facts of an alert.

| element | from |
| --- | --- |
| identifier, sender | ``csoc-<receipt>``, ``csoc@<our host>``: unique together, no space, comma, ``<`` or ``&`` |
| sent | when the person handed it off; UTC as ``-00:00``, because CAP does not take ``Z`` |
| status | ``Exercise`` for a drill, else ``Actual`` |
| msgType | ``Alert``; ``Update`` for a correction, whose ``references`` name every earlier message |
| scope | to the CAD ``Private`` with ``addresses``; as a file ``Restricted`` with ``restriction`` |
| category | gunshot Safety, Security; amber_alert, missing_person_vehicle Rescue, Security; other hits Security |
| urgency | late ``Past``; P1 and P2 ``Immediate``; P3 ``Expected`` |
| severity | by what it is, late or not: gunshot ``Extreme``; amber_alert, wanted_vehicle, firearm_investigation and extortion_investigation ``Severe``; other hits ``Moderate`` |
| certainty | a confirmed plate ``Observed``; an uncompared hit at most ``Possible``, because a hit is a lead (H9); a gunshot is never ``Observed``: no person saw it. Confidence >= 0.5 ``Likely``, >= 0.05 ``Possible``, less ``Unlikely`` |
| area | a circle ``lat,lon radius`` in kilometres around the shot's place, else the trailer's |
| incidents | the CAD number, if the person gave one |

Nothing else has a place here: ``resource`` (clips, pictures) is never written.
"""  # noqa: E501

from datetime import UTC, datetime

from lxml import etree

from alerts.handoff.facts import Facts
from alerts.handoff.wording import description_of, event_of, headline_of, place_of
from alerts.models import Alert

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"
RESTRICTION = "For the police service that operates this console. Not for the public."
SEVERE = frozenset({"amber_alert", "wanted_vehicle", "firearm_investigation", "extortion_investigation"})
RESCUE = frozenset({"amber_alert", "missing_person_vehicle"})


def moment(at: datetime) -> str:
    """Return a CAP date and time, in whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")


def identifier(receipt: str) -> str:
    """Return the message's name."""
    return f"csoc-{receipt}"


def sender(host: str) -> str:
    """Return who sends, as CAP names it."""
    return f"csoc@{host}"


def categories(facts: Facts) -> tuple[str, ...]:
    """Return CAP's categories."""
    if facts.kind == Alert.Kind.GUNSHOT:
        return ("Safety", "Security")
    return ("Rescue", "Security") if facts.category in RESCUE else ("Security",)


def urgency(facts: Facts) -> str:
    """Return how soon somebody has to act."""
    if facts.late:
        return "Past"
    return "Immediate" if facts.priority < 3 else "Expected"


def severity(facts: Facts) -> str:
    """Return how bad it is if it is so."""
    if facts.kind == Alert.Kind.GUNSHOT:
        return "Extreme"
    return "Severe" if facts.category in SEVERE else "Moderate"


def certainty(facts: Facts) -> str:
    """Return how sure it is that it is so."""
    if facts.vehicle is not None:
        return "Observed"
    if facts.confidence < 0.05:
        return "Unlikely"
    likely = facts.kind == Alert.Kind.GUNSHOT and facts.confidence >= 0.5
    return "Likely" if likely else "Possible"


def document(facts: Facts, addressee: str) -> bytes:
    """Return the message as UTF-8 XML. addressee: the receiver's name, for the CAD."""
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    _add(alert, "identifier", identifier(facts.message.id))
    _add(alert, "sender", sender(facts.host))
    _add(alert, "sent", moment(facts.message.at))
    _add(alert, "status", "Exercise" if facts.drill else "Actual")
    _add(alert, "msgType", "Update" if facts.message.earlier else "Alert")
    _add(alert, "source", facts.person)
    if facts.target == "cad":
        _add(alert, "scope", "Private")
        _add(alert, "addresses", _listed(addressee))
    else:
        _add(alert, "scope", "Restricted")
        _add(alert, "restriction", RESTRICTION)
    if facts.drill:
        _add(alert, "note", "Exercise: a drill of the operations centre. Send nobody.")
    if facts.message.earlier:
        names = (
            f"{sender(facts.host)},{identifier(receipt)},{moment(at)}"
            for receipt, at in facts.message.earlier
        )
        _add(alert, "references", " ".join(names))
    if facts.cad:
        _add(alert, "incidents", _listed(facts.cad))
    _info(alert, facts)
    return etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _info(alert: etree._Element, facts: Facts) -> None:
    info = _add(alert, "info")
    _add(info, "language", "en-CA")
    for category in categories(facts):
        _add(info, "category", category)
    _add(info, "event", event_of(facts))
    _add(info, "responseType", "Assess")
    _add(info, "urgency", urgency(facts))
    _add(info, "severity", severity(facts))
    _add(info, "certainty", certainty(facts))
    _add(info, "effective", moment(facts.message.at))
    _add(info, "onset", moment(facts.occurred_at))
    _add(info, "senderName", facts.agency)
    _add(info, "headline", headline_of(facts))
    _add(info, "description", description_of(facts))
    _add(info, "contact", f"{facts.agency_code}, badge {facts.badge}")
    for name, value in parameters(facts):
        _pair(info, "parameter", name, value)
    area = _add(info, "area")
    _add(area, "areaDesc", place_of(facts))
    _add(area, "circle", f"{facts.lat:.6f},{facts.lon:.6f} {facts.radius_m / 1000:.3f}")


def parameters(facts: Facts) -> list[tuple[str, str]]:
    """Return what a machine picks out, by names of our own (``docs/cad.md``)."""
    pairs = [
        ("csoc:alert", facts.alert),
        ("csoc:trailer", facts.trailer),
        ("csoc:deployment", facts.deployment),
        ("csoc:priority", str(facts.priority)),
        ("csoc:confidence", f"{facts.confidence:.2f}"),
        ("csoc:rounds", "" if facts.rounds is None else str(facts.rounds)),
        ("csoc:category", facts.category),
        ("csoc:cadNumber", facts.cad),
    ]
    if facts.vehicle is not None:
        pairs += [
            ("csoc:plate", facts.vehicle.plate),
            ("csoc:plateJurisdiction", facts.vehicle.jurisdiction),
            ("csoc:plateOnList", facts.vehicle.listed),
            ("csoc:vehicle", facts.vehicle.words),
            ("csoc:direction", facts.vehicle.direction),
        ]
    return [(name, value) for name, value in pairs if value]


def _listed(text: str) -> str:
    """One member of a list that CAP separates by spaces: in quotation marks if it has spaces itself."""
    text = text.replace('"', "")
    return f'"{text}"' if " " in text else text


def _pair(parent: etree._Element, tag: str, name: str, value: str) -> None:
    pair = _add(parent, tag)
    _add(pair, "valueName", name)
    _add(pair, "value", value)


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    if text is not None:
        child.text = text
    return child
