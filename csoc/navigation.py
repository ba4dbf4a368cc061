"""The links at the left of every page: what the person's roles can open, and nothing else."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Role
from accounts.selectors import roles_of
from alerts.policies import VIEWERS
from vault.views import READERS


@dataclass(frozen=True)
class Item:
    """One link. `url` is absolute within the site, `icon` a Lucide name."""

    label: object
    icon: str
    url: str
    current: bool


# Words, icon, URL name, roles (None: everybody).
PAGES = (
    (_("Live board"), "radio-tower", "live", set(VIEWERS)),
    (_("Audit"), "scroll-text", "audit", {Role.PRIVACY_OFFICER}),
    (_("Retention"), "shredder", "retention", set(READERS)),
    (_("Access"), "key-round", "access", {Role.ADMINISTRATOR}),
    (_("Own account"), "user-round", "account", None),
)


def navigation(request: HttpRequest) -> dict[str, object]:
    """Template context: `navigation`, the person's pages. Empty before sign-in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": []}
    roles = roles_of(user)
    items = []
    for label, icon, name, allowed in PAGES:
        url = reverse(name)
        if allowed is None or roles & allowed:
            items.append(Item(label, icon, url, request.path.startswith(url)))
    return {"navigation": items}
