"""The vault app."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Sealed objects, epoch keys and their purge."""

    name = "vault"
    default_auto_field = "django.db.models.BigAutoField"
