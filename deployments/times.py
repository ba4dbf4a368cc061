"""Moments as sentences name them: local time, and which."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings


def stamp(moment: datetime) -> str:
    """``2026-04-26 20:10 MDT``: a moment in the zone in which people read times, with that zone's name."""
    return f"{moment.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE)):%Y-%m-%d %H:%M %Z}"
