"""App configuration."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    """Deployments."""

    name = "deployments"

    def ready(self) -> None:
        """Tell people what a break-glass may open."""
        from accounts import break_glass
        from deployments import selectors

        break_glass.register("deployment", selectors.thing_of)
