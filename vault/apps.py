"""The vault app."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Sealed objects, epoch keys and their purge."""

    name = "vault"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Seal the audit log's detail of the public under the hours of capture."""
        from audit.detail import register_subject_store
        from vault.details import Subjects

        register_subject_store(Subjects())
