"""The audit app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Loads the checks that refuse an unsafe database role."""

    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks."""
        from audit import checks  # noqa: F401
