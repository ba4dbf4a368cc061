"""App configuration."""

from typing import Any

from django.apps import AppConfig

from csoc.lib import events


class DeploymentsConfig(AppConfig):
    """Deployments."""

    name = "deployments"

    def ready(self) -> None:
        """Tell people what a break-glass may open, and the vault what is due and what goes with it."""
        from accounts import break_glass
        from deployments import documents, due, selectors
        from vault import records

        break_glass.register("deployment", selectors.thing_of)
        records.register_due(due.due)
        records.register_gone(due.empty_rows)
        records.register_gone(documents.delete_files)
        events.on("trailer.moved", _moved)


def _moved(*, trailer: Any) -> None:
    """A trailer that left its point has nothing to stand on (H4); nobody acts but the console."""
    import audit
    from deployments import services

    with audit.acting_as(audit.system("geofence")) as actor:
        services.end_moved(actor=actor, trailer=trailer)
