"""What people call the plate lists: the same words on the form, as read, and in the report."""

from django.utils.translation import gettext_lazy

LIST_WORDS = {
    "stolen_vehicle": gettext_lazy("Stolen vehicles"),
    "stolen_plate": gettext_lazy("Stolen plates"),
    "wanted_vehicle": gettext_lazy("Wanted vehicles"),
    "amber_alert": gettext_lazy("Amber alerts"),
    "missing_person_vehicle": gettext_lazy("Vehicles of missing people"),
    "firearm_investigation": gettext_lazy("Firearm investigations"),
    "extortion_investigation": gettext_lazy("Extortion investigations"),
    "other_authorised": gettext_lazy("Other authorised entries"),
}


def list_name(key: str) -> str:
    """Return what people call a list; a key that is not known stays as it is, with its words apart."""
    return str(LIST_WORDS.get(key, key.replace("_", " ")))
