"""A whole standing scene for tests of alerts and live view: cast, trailer with key, active deployment."""

import hashlib
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import audit
from accounts import cast
from accounts.models import User
from csoc import seed, seed_facts
from csoc.lib import clock
from csoc.lib.keyfiles import load_or_create_ed25519
from deployments.models import Deployment
from trailers.models import Trailer, TrailerKey, TrailerStatus


@dataclass
class Scene:
    """What ``standing()`` built. ``users`` by role key (``dispatcher``, ``dispatcher-2`` …)."""

    users: dict[str, User]
    trailer: Trailer
    key: TrailerKey
    private: Ed25519PrivateKey
    deployment: Deployment
    seq: int = field(default=0)

    def gunshot(self, **changes: Any) -> dict[str, Any]:
        """A valid gunshot body; ``changes`` replace top-level members."""
        self.seq += 1
        return {
            "schema": "csrp.alert/1",
            "id": str(uuid.uuid4()),
            "trailer": self.trailer.name,
            "kind": "gunshot",
            "occurred_at": clock.wire(clock.now()),
            "clock": {"source": "gnss", "error_ms": 5},
            "seq": self.seq,
            "deployment": self.deployment.name,
            "position": {"lat": self.deployment.lat, "lon": self.deployment.lon, "accuracy_m": 4},
            "gunshot": {
                "class": "gunshot",
                "confidence": 0.93,
                "rounds": 3,
                "span_ms": 840,
                "location": {
                    "lat": self.deployment.lat + 0.001,
                    "lon": self.deployment.lon,
                    "uncertainty_m": 45,
                },
                "bearing": {"deg_true": 42.5, "error_deg": 4},
                "detector": {"make": "Acme", "model": "One", "firmware": "5.2.1", "event_id": "r-1"},
            },
            **changes,
        }

    def hit(self, *, plate: str = "ZZDEM01", entry_id: str = "e-1000", **changes: Any) -> dict[str, Any]:
        """A valid plate hit on the demonstration's list."""
        body = self.gunshot(kind="alpr_hit")
        del body["gunshot"]
        body["alpr_hit"] = {
            "plate": plate,
            "jurisdiction": "CA-ON",
            "confidence": 0.94,
            "match": "exact",
            "char_confidence": [0.99] * len(plate),
            "hotlist": {"list_id": seed.LIST_ID, "version": 1, "entry_id": entry_id},
            "camera": "alpr-1",
            "direction": "toward",
            "vehicle": {"color": "grey", "make": "honda", "type": "suv"},
            **changes,
        }
        return body


def standing(data_dir: Path, *, number: int = 7) -> Scene:
    """The scene in the current database: found where it stands already (``scene_template``), else built.

    What a trailer tells every minute is told now either way: a test begins with one that has just spoken.
    """
    trailer = Trailer.objects.select_related("agency", "unit").filter(number=number).first()
    if trailer is None:
        return _built(number)
    told = dict.fromkeys(("link_at", "fix_at", "modules_at"), clock.now())
    TrailerStatus.objects.filter(trailer=trailer).update(**told)
    named = {
        user.username: user
        for user in User.objects.select_related("person__agency", "person__unit").filter(
            username__in=cast.USERNAMES
        )
    }
    users = {member.role_key: named[member.key] for member in cast.CAST}
    return _scene(users, trailer, data_dir / "keys" / "trailers" / f"{trailer.name}.pem")


def _built(number: int) -> Scene:
    """Everything through the services, as the demonstration is made."""
    people = cast.create_cast(audit.system("test"))
    users: dict[str, User] = {role: entry["user"] for role, entry in people.items()}
    plan = next(plan for plan in seed.PLANS if plan.number == number)
    seed_facts.make(users)
    row = seed._trailer_row(plan, users)
    seed._hotlist(users["supervisor"])
    trailer = Trailer.objects.select_related("agency", "unit").get(number=number)
    return _scene(users, trailer, Path(row["private_key_file"]))


def _scene(users: dict[str, User], trailer: Trailer, key_file: Path) -> Scene:
    deployment = Deployment.objects.select_related("agency").get(trailer=trailer, state="active")
    key = TrailerKey.objects.get(trailer=trailer, state=TrailerKey.State.ACTIVE)
    assert hashlib.sha256(bytes(key.public_key)).hexdigest() == key.fingerprint
    return Scene(users, trailer, key, load_or_create_ed25519(key_file), deployment)
