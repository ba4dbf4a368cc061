"""The links at the left of every page: what the person's roles can open, and nothing else."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Item:
    """One link. `url` is absolute within the site, `icon` a Lucide name."""

    label: object
    icon: str
    url: str
    current: bool


RETENTION_READERS = {"privacy_officer", "supervisor", "administrator"}

# Words, icon, URL names tried in turn (an app may not have its page yet), roles.
PAGES = (
    (_("Live board"), "radio-tower", ("live", "board", "alerts:board"), {"dispatcher", "supervisor"}),
    (_("Audit"), "scroll-text", ("audit", "audit:index", "audit:log"), {"privacy_officer"}),
    (_("Retention"), "shredder", ("retention", "vault:retention"), RETENTION_READERS),
    (_("Access"), "key-round", ("access", "accounts:access"), {"administrator"}),
    (_("Own account"), "user-round", ("account", "accounts:account"), None),
)


def first_url(names: tuple[str, ...]) -> str | None:
    """The path of the first name that exists, or None."""
    for name in names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return None


def navigation(request: HttpRequest) -> dict[str, object]:
    """Template context: `navigation`, the person's pages. Empty before sign-in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": []}
    roles = set(user.groups.values_list("name", flat=True))
    items = []
    for label, icon, names, allowed in PAGES:
        url = first_url(names)
        if url and (allowed is None or roles & allowed):
            items.append(Item(label, icon, url, request.path.startswith(url)))
    return {"navigation": items}
