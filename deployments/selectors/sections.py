"""The six parts of an application, and the digest by which a second tab learns that one has changed."""

import hashlib

from csoc.lib import canonical
from deployments.models import Deployment

SECTIONS = ("incident", "risk", "need", "place", "consent", "privacy")


def section_digest(deployment: Deployment, section: str) -> str:
    """Return the SHA-256 (hex, 16 digits) of one section's saved content, as a form was loaded with."""
    return hashlib.sha256(canonical.dumps(deployment.content()[section])).hexdigest()[:16]
