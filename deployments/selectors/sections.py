"""The six parts of an application, and the digest by which a second tab learns that one has changed."""

import hashlib

from csoc.lib import canonical
from deployments.models import Deployment
from deployments.sealed import read_answers

SECTIONS = ("incident", "risk", "need", "place", "consent", "privacy")


def section_digest(deployment: Deployment, section: str) -> str:
    """Return the SHA-256 (hex, 16 digits) of one section as a form was loaded with: saved, and typed.

    What is typed and not saved counts too, or the second of two tabs would write over the first one's.
    """
    seen = {"saved": deployment.content()[section], "typed": read_answers(deployment).get(section)}
    return hashlib.sha256(canonical.dumps(seen)).hexdigest()[:16]
