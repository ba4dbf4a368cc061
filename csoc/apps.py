"""The project's own app: it holds no models, only start-up checks and commands."""

from django.apps import AppConfig


class CsocConfig(AppConfig):
    """Registers commands (make_seed) and the production checks."""

    name = "csoc"
    label = "csoc"

    def ready(self) -> None:
        """Load the checks and what the API schema needs."""
        from csoc import checks, openapi  # noqa: F401
