"""What every page's shell needs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """Template context: whether this is a demonstration, and the local time zone's name."""
    return {"is_demo": settings.IS_DEMO, "local_time_zone": settings.LOCAL_TIME_ZONE}
