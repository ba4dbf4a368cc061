"""Demonstration data, made through the services like anything a person does, from a fixed plan.

Sites are invented; some names carry the characters that break careless pages. Running it again keeps
what stands, gives the cast new passwords, and renews deployments whose term is over.
"""

import base64
import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import transaction
from PIL import Image

import audit
import trailers.services as trailer_services
from accounts import cast
from accounts.models import User
from accounts.services import acting
from alerts import policies
from alerts.importing.table import current_count
from alerts.models import Hotlist, HotlistEntry, HotlistVersion
from alerts.services import import_hotlist
from csoc import seed_facts, seed_telemetry
from csoc.lib import clock
from csoc.lib.keyfiles import load_or_create_ed25519
from csoc.seed_installing import install
from deployments import documents, services
from deployments.models import Deployment, Incident
from deployments.selectors import active_deployment, current_matrix
from trailers import consolekey
from trailers.models import MODULES, Trailer, TrailerKey
from trailers.schemas import Audio, Enrolment

LIST_ID = "mto-on"
TERM = timedelta(days=14)
CATEGORIES = ("stolen_vehicle", "stolen_plate", "wanted_vehicle", "amber_alert", "firearm_investigation")
SENSORS = {
    "acoustic": "Says within seconds where shots come from.",
    "alpr": "The vehicle of the threat is on the list.",
    "ptz": "After an alert only: who needs help, and where.",
    "speaker": "Tells people to take cover and that help is coming.",
}


class NotHere(RuntimeError):
    """Demonstration data cannot be made in production."""


@dataclass(frozen=True)
class Plan:
    """One trailer of the demonstration. ``simulated`` False: a script may speak for it."""

    number: int
    label: str
    lat: float
    lon: float
    heading_deg: float
    kind: str
    simulated: bool = True
    deployed: bool = True


PLANS = (
    Plan(1, "Erindale Loop Plaza", 43.5731, -79.6640, 35, "extortion"),
    Plan(2, "Goreway Row", 43.7215, -79.6402, 120, "firearms"),
    Plan(3, "Centre Street Lot", 43.7010, -79.7480, 210, "violence"),
    Plan(4, "Lakeshore Sawmill Yard", 43.5585, -79.5790, 300, "extortion"),
    Plan(5, "Bramalea Yard", 43.7440, -79.6990, 80, "firearms"),
    Plan(6, "Dixie Row", 43.6035, -79.5905, 15, "extortion"),
    Plan(7, "Derry Arcade", 43.6595, -79.6690, 42, "firearms"),
    Plan(8, "Heart Lake Mews", 43.7555, -79.7660, 170, "violence"),
    Plan(9, 'O\'Grady & Fils <Entrepôt> "9"', 43.6820, -79.7010, 90, "extortion", simulated=False),
    Plan(10, "Żółw Court; -- ساحة", 43.6330, -79.7160, 250, "violence", simulated=False),
    Plan(11, "Depot", 43.6500, -79.6500, 0, "violence", deployed=False),
)

#: So many entries of the list are told to the simulated trailers, which read them now and then.
SAMPLES = 20
#: Invented entries; the plates follow no province's issued series.
ENTRIES = tuple(
    {"plate": plate, "jurisdiction": jurisdiction, "category": category}
    for plate, jurisdiction, category in (
        ("ZZDEM01", "CA-ON", "stolen_vehicle"),
        ("ZZDEM02", "CA-ON", "firearm_investigation"),
        ("ZZDEM03", "CA-ON", "amber_alert"),
        ("ZZDEM04", "CA-QC", "stolen_plate"),
        ("ZZDEM05", "CA-ON", "wanted_vehicle"),
        ("ZZ8EM06", "CA-ON", "stolen_vehicle"),
    )
)


def make() -> Path:
    """Build everything; returns the path of ``seed.json`` (mode 0600). Errors: NotHere in production."""
    if not settings.IS_DEMO:
        raise NotHere("Demonstration data cannot be made in production.")
    people = cast.create_cast(audit.system("seed"))
    users: dict[str, User] = {role: entry.pop("user") for role, entry in people.items()}
    seed_facts.make(users)
    rows = [_trailer_row(plan, users) for plan in PLANS]
    _figures()
    hotlist = _hotlist(users["supervisor"])
    current = HotlistEntry.objects.filter(hotlist=hotlist.hotlist, removed_in__isnull=True).order_by("pk")
    samples = list(current.values("plate", "jurisdiction", "entry_id", "category")[:SAMPLES])
    seed = {
        "people": people,
        "trailers": rows,
        "console_keys": consolekey.public_keys(),
        "hotlist": {"list_id": LIST_ID, "version": hotlist.version, "samples": samples, "sample": samples[0]},
    }
    with transaction.atomic(), audit.acting_as(audit.system("seed")):
        audit.record(
            "system.seed", audit.Ref("system", "demonstration", users["administrator"].person.agency.code)
        )
    return _write(Path(settings.DATA_DIR) / "seed.json", seed)


def _figures() -> None:
    """What trailers measured before anybody looked; the simulator counts its trailers in this order."""
    for index, plan in enumerate(sorted(PLANS, key=lambda plan: not plan.simulated)):
        trailer = Trailer.objects.get(number=plan.number)
        seed_telemetry.make(trailer, index, plan.lat, plan.lon, speaks=plan.simulated)


def _write(path: Path, value: Any) -> Path:
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
    draft.replace(path)
    return path


def _trailer_row(plan: Plan, users: dict[str, User]) -> dict[str, Any]:
    trailer = _trailer(plan, users["technician"])
    key_file = Path(settings.DATA_DIR) / "keys" / "trailers" / f"{trailer.name}.pem"
    key = _key(trailer, key_file, users)
    deployment = _deployment(plan, trailer, users) if plan.deployed else None
    return {
        "trailer": trailer.name,
        "label": plan.label,
        "lat": plan.lat,
        "lon": plan.lon,
        "heading_deg": plan.heading_deg,
        "keyid": key.keyid,
        "private_key_file": str(key_file),
        "deployment": deployment.name if deployment else None,
        "simulated": plan.simulated,
    }


def _trailer(plan: Plan, technician: User) -> Trailer:
    known = Trailer.objects.select_related("agency", "unit").filter(number=plan.number).first()
    if known is not None:
        return known
    with acting(technician):
        return trailer_services.create_trailer(
            actor=technician, label=plan.label, unit=technician.person.unit, number=plan.number,
            heading_deg=plan.heading_deg,
        )  # fmt: skip


def _key(trailer: Trailer, key_file: Path, users: dict[str, User]) -> TrailerKey:
    """Enrol through the same door of services as a device: token, proof, a second person's check."""
    private = load_or_create_ed25519(key_file)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    known = TrailerKey.objects.filter(
        trailer=trailer, public_key=public, state=TrailerKey.State.ACTIVE
    ).first()
    if known is not None:
        return known
    with acting(users["technician"]):
        token = trailer_services.issue_enrolment_token(trailer=trailer, actor=users["technician"])
    request = _enrolment(trailer, token, private, public)
    with audit.acting_as(audit.Actor("anonymous", "anonymous")):
        key = trailer_services.enrol(request=request, actor=audit.current_actor())
    with acting(users["technician-2"]):
        return trailer_services.confirm_key(
            key=key, fingerprint=hashlib.sha256(public).hexdigest(), actor=users["technician-2"]
        )


def _enrolment(trailer: Trailer, token: str, private: Ed25519PrivateKey, public: bytes) -> Enrolment:
    proof = private.sign(hashlib.sha256(token.encode() + public).digest())
    return Enrolment(
        token=token, public_key=_b64(public), serial=f"DEMO-{trailer.number:04d}", agent_version="1",
        capabilities=frozenset({"acoustic", "alpr", "ptz", "speaker", "power"}), audio=Audio(16_000),
        proof=_b64(proof),
    )  # fmt: skip


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _deployment(plan: Plan, trailer: Trailer, users: dict[str, User]) -> Deployment:
    now = clock.now()
    standing = active_deployment(trailer, now + timedelta(hours=12))
    if standing is not None:
        return standing
    _end_old(trailer, users["supervisor"])
    authorised = authorise(prepared(plan, trailer, users["applicant"]), users["supervisor"])
    install(authorised, users["technician"])
    with acting(users["technician"]):
        return services.activate_deployment(actor=users["technician"], deployment_id=authorised.pk)


def _end_old(trailer: Trailer, supervisor: User) -> None:
    standing = Deployment.objects.filter(trailer=trailer, state__in=("active", "authorised"))
    for old in standing.values_list("pk", flat=True):
        with acting(supervisor):
            services.deactivate_deployment(actor=supervisor, deployment_id=old)


def authorise(submitted: Deployment, supervisor: User) -> Deployment:
    """Let a supervisor authorise exactly what was submitted."""
    with acting(supervisor):
        return services.authorise_deployment(
            actor=supervisor, deployment_id=submitted.pk, version=submitted.version,
            content_hash=submitted.content_hash, words="The threat is current and specific.",
        )  # fmt: skip


def prepared(
    plan: Plan,
    trailer: Trailer,
    applicant: User,
    *,
    starts_at: datetime | None = None,
    term: timedelta = TERM,
) -> Deployment:
    """Fill in every section as an applicant does, and send it."""
    with acting(applicant):
        draft = services.create_deployment(actor=applicant, trailer=trailer, site=plan.label)
        filled = services.edit_sections(
            actor=applicant, deployment_id=draft.pk, version=draft.version,
            sections=answers(plan, trailer, starts_at or clock.now(), term),
        )  # fmt: skip
        return services.submit_deployment(actor=applicant, deployment_id=draft.pk, version=filled.version)


def answers(
    plan: Plan, trailer: Trailer, starts_at: datetime, term: timedelta = TERM
) -> dict[str, dict[str, Any]]:
    """Return what the applicant of a demonstration answers, typed, by section."""
    switched = {name: SENSORS[name] for name in MODULES if name in trailer.capabilities}
    lists = {f"list:{name}": "Named in the investigation of the incident." for name in CATEGORIES}
    matrix = current_matrix(trailer.agency_id)
    assert matrix is not None, "the facts come first"
    return {
        "incident": {
            "cad": f"DEMO-{Incident.objects.count() + 1:05d}", "kind": plan.kind, "place": plan.label,
            "reported_at": clock.now() - timedelta(hours=20),
        },
        "risk": {
            "factors": {
                factor["key"]: {"level": 3, "why": "Recorded by the officers who attended."}
                for factor in matrix.factors
            }
        },
        "need": {
            "aim": "Protect the people named in the threat while the investigation runs.",
            "alternatives": "Patrols and lighting were tried for a week; a fixed camera sees one door.",
            "justifications": switched | lists, "starts_at": starts_at, "ends_at": starts_at + term,
        },
        "place": {
            "site": plan.label, "address": "", "lat": plan.lat, "lon": plan.lon,
            "heading_deg": plan.heading_deg, "forbidden_sectors": [], "speaker_ceiling_pct": 70,
            "quiet_from": time(22), "quiet_to": time(7), "quiet_ceiling_pct": 40,
        },
        "consent": {
            "capacity": "owner", "owner_name": "Demonstration Owner", "owner_email": "", "conditions": "",
            "expires_at": starts_at + term, "document": consent_paper(),
        },
        "privacy": {
            "signage": "Signs at both entrances, in English and French.",
            "notice": "A letter to the tenants before the trailer comes.",
            "retention_class": "deployment-record",
        },
    }  # fmt: skip


@lru_cache(maxsize=1)
def consent_paper() -> documents.Document:
    """Return the paper that every owner of the demonstration signed: an empty sheet, checked like any."""
    sheet = io.BytesIO()
    Image.new("L", (850, 1100), 255).save(sheet, "PNG")
    return documents.check(sheet.getvalue())


def _hotlist(supervisor: User) -> HotlistVersion:
    """Publish a fresh version at every start, so that the demonstration's list is never too old.

    A far larger list, which somebody brought in to try it, stays: to shrink it takes a second person.
    """
    now = clock.now()
    known = Hotlist.objects.filter(list_id=LIST_ID).first()
    if known is not None and policies.needs_second(current_count(known), len(ENTRIES)):
        return known.versions.get(version=known.version)
    return publish(supervisor, LIST_ID, known.version + 1 if known else 1, ENTRIES, now)


def publish(
    supervisor: User, list_id: str, version: int, rows: Iterable[Mapping[str, Any]], issued_at: datetime
) -> HotlistVersion:
    """Bring in a list as an authority would send it: a file and its manifest."""
    since, until = (clock.wire(issued_at + timedelta(days=days)) for days in (-1, 90))
    lines = ["plate,jurisdiction,category,reference,valid_from,valid_to,action,priority"]
    lines += [
        f"{row['plate']},{row['jurisdiction']},{row['category']},DEMO-{n:04d},{since},{until},,"
        for n, row in enumerate(rows, 1)
    ]
    file = "".join(f"{line}\r\n" for line in lines).encode()
    manifest = {
        "list_id": list_id, "version": version, "issued_at": clock.wire(issued_at), "valid_to": until,
        "authority": "Demonstration authority", "rows": len(lines) - 1,
        "sha256": hashlib.sha256(file).hexdigest(),
    }  # fmt: skip
    with acting(supervisor):
        came = import_hotlist(
            actor=supervisor, manifest_bytes=json.dumps(manifest).encode(), source=lambda: [file]
        )
    assert isinstance(came, HotlistVersion), "a demonstration list needs no second person"
    return came
