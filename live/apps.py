"""App configuration."""

from django.apps import AppConfig

from csoc.lib import events


class LiveConfig(AppConfig):
    """Live view."""

    name = "live"

    def ready(self) -> None:
        """Whatever takes the ground from under a view ends it in the same transaction (H3, H5, H15)."""
        from deployments import reporting
        from live import selectors, services

        reporting.register("live", selectors.views_under)
        events.on("alert.close", services.end_with_alert)
        events.on("alert.hand_back", services.end_with_hand_back)
        events.on("deployment.deactivate", services.end_with_deployment)
        events.on("user.right_lost", services.end_with_right)
        events.on("key.revoke", services.end_with_key)
        events.on("session.end", services.end_with_sign_in)
