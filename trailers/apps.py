"""Trailers: the register, the device keys and signatures, the command channel and the desired state."""

from typing import Any

from django.apps import AppConfig

from csoc.lib import events


class TrailersConfig(AppConfig):
    name = "trailers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """A trailer that left its point is a technician's matter as well as its deployment's end."""
        events.on("trailer.moved", _moved)


def _moved(*, trailer: Any) -> None:
    from csoc.lib import clock
    from trailers import watch

    watch.raise_moved(trailer=trailer, at=clock.now())
