"""The matrix by which an agency scores risk."""

from deployments.models import RiskMatrix


def current_matrix(agency_id: int) -> RiskMatrix | None:
    """Return the newest published matrix of the agency, None before there is one."""
    published = RiskMatrix.objects.filter(agency_id=agency_id, published_at__isnull=False)
    return published.order_by("-version").first()
