"""Trailers: the register, the device keys and signatures, the command channel and the desired state."""

from django.apps import AppConfig


class TrailersConfig(AppConfig):
    name = "trailers"
    default_auto_field = "django.db.models.BigAutoField"
