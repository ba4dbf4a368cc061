"""What every application is judged by: the risk matrix, the sensitive places, the area of the service.

A matrix takes two persons. A list of places is replaced whole; the area is one outline.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

import audit
from accounts.models import Agency, User
from csoc.lib import canonical, clock
from csoc.lib.errors import nothing_here
from deployments.models import PlacesList, RiskMatrix, SensitivePlace, ServiceArea
from deployments.policies import facts as policies


@transaction.atomic
def propose_matrix(
    *, actor: User, name: str, factors: list[dict[str, Any]], threshold: int, valid_days: int,
    example: bool = False,
) -> RiskMatrix:  # fmt: skip
    """Propose the next version of the agency's risk matrix; it counts once another person publishes it.

    ``factors``: ``[{"key","label","hint","weight","levels": five words,"without"}]``; ``threshold`` in
    points, ``valid_days`` in days. Errors: Refused ``matrix-broken`` (422), ``proposal-waits`` (409).
    """
    policies.may_keep_facts(actor)
    kept = policies.matrix_usable(name, factors, threshold, valid_days)
    agency = _queue(actor)
    versions = RiskMatrix.objects.filter(agency=agency)
    policies.no_proposal_waits(versions.filter(published_at=None, withdrawn_at=None).first())
    newest = versions.order_by("-version").values_list("version", flat=True).first()
    matrix = RiskMatrix.objects.create(
        agency=agency, version=(newest or 0) + 1, name=name.strip(), factors=kept, threshold=threshold,
        valid_days=valid_days, example=bool(example), proposed_by=actor.person, proposed_at=clock.now(),
    )  # fmt: skip
    audit.record("matrix.propose", _ref(matrix))
    return matrix


@transaction.atomic
def publish_matrix(*, actor: User, matrix_id: int) -> RiskMatrix:
    """Put a proposed version in force, as another person. Errors: Refused ``own-request`` (403)."""
    matrix = _locked(matrix_id)
    policies.may_publish(actor, matrix)
    matrix.published_by, matrix.published_at = actor.person, clock.now()
    matrix.save(update_fields=("published_by", "published_at"))
    audit.record("matrix.publish", _ref(matrix))
    return matrix


@transaction.atomic
def withdraw_proposal(*, actor: User, matrix_id: int) -> RiskMatrix:
    """Withdraw a proposal; any supervisor of the agency may, it never counted. It stays to be read."""
    matrix = _locked(matrix_id)
    policies.may_touch_proposal(actor, matrix)
    matrix.withdrawn_by, matrix.withdrawn_at = actor.person, clock.now()
    matrix.save(update_fields=("withdrawn_by", "withdrawn_at"))
    audit.record("matrix.withdraw", _ref(matrix))
    return matrix


@transaction.atomic
def import_places(
    *, actor: User, source: str, rows: Iterable[Mapping[str, Any]], shrink_to: int | None = None
) -> PlacesList:
    """Replace the list of sensitive places by a new version, all rows or none.

    ``rows``: ``{"kind","name","lat","lon"}``, WGS 84 degrees, and ``line`` where it came from.
    ``shrink_to``: how many places the person confirmed when over half would go.
    Errors: Refused ``places-broken`` (422, ``lines``), ``places-shrink`` (409, ``before``, ``after``).
    """
    policies.may_keep_facts(actor)
    places = policies.places_usable(source, rows)
    agency = _queue(actor)
    newest = PlacesList.objects.filter(agency=agency).order_by("-version").first()
    policies.not_shrunk_unseen(newest.rows if newest else 0, len(places), shrink_to)
    version = PlacesList.objects.create(
        agency=agency, version=newest.version + 1 if newest else 1, source=source.strip(), rows=len(places),
        imported_by=actor.person, imported_at=clock.now(),
    )  # fmt: skip
    for place in places:
        place.list = version
    SensitivePlace.objects.bulk_create(places, batch_size=2_000)
    audit.record(
        "places.import", audit.Ref("places", str(version.version), agency.code),
        old={"places": newest.rows} if newest else None, new={"places": len(places)},
    )  # fmt: skip
    return version


@transaction.atomic
def set_area(*, actor: User, ring: list[list[float]]) -> ServiceArea:
    """Set where trailers may stand: a closed line of ``[lat, lon]``. Errors: Refused ``area-broken`` (422).

    What stands already goes on; a new place is judged by the new outline.
    """
    policies.may_keep_facts(actor)
    closed = policies.ring_usable(ring)
    agency = _queue(actor)
    before = ServiceArea.objects.filter(agency=agency).first()
    area, _new = ServiceArea.objects.update_or_create(
        agency=agency, defaults={"ring": closed, "set_by": actor.person, "set_at": clock.now()}
    )
    audit.record(
        "area.set", audit.Ref("area", agency.code, agency.code),
        old=_outline(before.ring) if before else None, new=_outline(closed),
    )  # fmt: skip
    return area


def _queue(actor: User) -> Agency:
    """Versions are counted one at a time: whoever makes one holds the agency's row."""
    return Agency.objects.select_for_update().get(pk=actor.person.agency_id)


def _locked(matrix_id: int) -> RiskMatrix:
    matrix = RiskMatrix.objects.select_for_update(of=("self",)).select_related("agency").filter(pk=matrix_id)
    found = matrix.first()
    if found is None:
        raise nothing_here()
    return found


def _outline(ring: list[list[float]]) -> dict[str, Any]:
    """An outline as the log holds it; the outline itself is in the table."""
    return {"corners": len(ring) - 1, "sha256": hashlib.sha256(canonical.dumps(ring)).hexdigest()}


def _ref(matrix: RiskMatrix) -> audit.Ref:
    return audit.Ref("matrix", str(matrix.version), matrix.agency.code)
