"""The page of what was agreed to: made once, at the moment of the yes, and kept byte by byte."""

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

from deployments.documents import Document
from deployments.models import ConsentRequest
from deployments.owner.texts import Texts
from trailers.models import MODULES

MEDIA_TYPE = "text/html"


def facts(
    request: ConsentRequest, name: str, texts: Texts, conditions: str, given_at: datetime
) -> dict[str, Any]:
    """Return what ``owner/agreement.html`` is made from."""
    return {
        "texts": texts,
        "request": request,
        "number": request.deployment.name,
        "agency": request.deployment.agency.name,
        "name": name,
        "capacity": texts.say(f"capacity.{request.capacity}"),
        "sensors": in_order(request.modules),
        "conditions": conditions,
        "given": texts.stamp(given_at),
        "until": texts.stamp(request.until),
    }


def in_order(modules: Collection[str]) -> list[str]:
    """Return the sensors in the order of every page."""
    return [module for module in MODULES if module in modules]


def as_document(page: bytes) -> Document:
    """Return the page as a document of ours: nobody uploaded it, so there is nothing to look for in it."""
    return Document(MEDIA_TYPE, hashlib.sha256(page).hexdigest(), 1, page, page)
