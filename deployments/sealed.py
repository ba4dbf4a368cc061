"""Words about a deployment that stand sealed: reasons of staff, and what is typed and not saved yet.

All of a row's are under one record key of the vault, so that they go together when their time has come.
"""

from typing import Any

from deployments.models import Deployment
from vault import Gone, records


def record_of(deployment: Deployment) -> Any:
    """Return the id of the row's record, made on first use; the caller saves ``record``."""
    if deployment.record is None:
        deployment.record = records.new()
    return deployment.record


def seal_words(deployment: Deployment, words: str) -> bytes:
    """Seal a reason; the caller saves the deployment."""
    return records.seal(record_of(deployment), "words", words.encode())


def open_words(deployment: Deployment, sealed: bytes) -> str | None:
    """Return a reason, or None once its time has come."""
    if deployment.record is None:
        return None
    try:
        return records.unseal(deployment.record, "words", bytes(sealed)).decode()
    except Gone:
        return None


def read_answers(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Return what was typed and not saved yet: section -> field -> text or list of texts."""
    if deployment.answers_sealed is None or deployment.record is None:
        return {}
    try:
        return records.unseal_json(deployment.record, "answers", bytes(deployment.answers_sealed))
    except Gone:
        return {}


def write_answers(deployment: Deployment, answers: dict[str, dict[str, Any]]) -> None:
    """Replace it on the row; the caller saves."""
    deployment.answers_sealed = (
        records.seal_json(record_of(deployment), "answers", answers) if answers else None
    )
