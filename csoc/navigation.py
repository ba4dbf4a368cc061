"""The links at the left of every page: what the person's roles can open, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Role
from accounts.selectors import actor_of, roles_of
from alerts.list_figures import waiting_for as lists_waiting
from alerts.policies import VIEWERS
from audit.exports.pages import waiting_for
from audit.reviewing.selectors import open_count
from deployments.pages.listing import READERS as DEPLOYMENT_READERS
from deployments.pages.listing import waiting_for as deployments_waiting
from trailers.keylists import waiting_for as keys_waiting
from trailers.policies import FLEET_READERS, KEEPERS
from trailers.selectors import warnings_waiting
from vault.views import READERS


@dataclass(frozen=True)
class Item:
    """One link. `url` is absolute within the site, `icon` a Lucide name, `count` what waits there."""

    label: object
    icon: str
    url: str
    current: bool
    count: int = 0


class Page(NamedTuple):
    """One page: words, icon, URL name, roles (None: everybody), and what counts its waiting work."""

    label: Any
    icon: str
    name: str
    roles: frozenset[str] | None
    waiting: Callable[[Any], int] | None = None


def _exports_waiting(user: Any) -> int:
    return waiting_for(actor_of(user))


_OFFICER = frozenset({Role.PRIVACY_OFFICER})
_SECOND = frozenset({Role.PRIVACY_OFFICER, Role.SUPERVISOR})
PAGES = (
    Page(_("Live board"), "radio-tower", "live", frozenset(VIEWERS)),
    Page(
        _("Deployments"),
        "clipboard-check",
        "deployments-list",
        frozenset(DEPLOYMENT_READERS),
        deployments_waiting,
    ),
    Page(_("Fleet"), "truck", "fleet", frozenset(FLEET_READERS), warnings_waiting),
    Page(_("Enrolment"), "plug-zap", "enrolment", frozenset(KEEPERS), keys_waiting),
    Page(_("Refusals"), "shield-ban", "refusals", frozenset(KEEPERS)),
    Page(_("Plate lists"), "list-checks", "hotlists", frozenset(VIEWERS), lists_waiting),
    Page(_("Audit"), "scroll-text", "audit", _OFFICER),
    Page(_("Exports"), "package-check", "audit-exports", _SECOND, _exports_waiting),
    Page(_("Keys and witnesses"), "key", "audit-witnesses", _OFFICER),
    Page(_("Reviews"), "eye", "audit-reviews", _SECOND, open_count),
    Page(_("Retention"), "shredder", "retention", frozenset(READERS)),
    Page(_("Access"), "key-round", "access", frozenset({Role.ADMINISTRATOR})),
    Page(_("Own account"), "user-round", "account", None),
)


def navigation(request: HttpRequest) -> dict[str, object]:
    """Template context: `navigation`, the person's pages. Empty before sign-in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"navigation": []}
    roles = roles_of(user)
    pages = [page for page in PAGES if page.roles is None or roles & page.roles]
    urls = {page.name: reverse(page.name) for page in pages}
    # /audit/reviews/ lies below /audit/: the longest address that fits is the page we are on.
    here = max((url for url in urls.values() if request.path.startswith(url)), key=len, default="")
    items = [
        Item(
            label=page.label,
            icon=page.icon,
            url=urls[page.name],
            current=urls[page.name] == here,
            count=page.waiting(user) if page.waiting else 0,
        )
        for page in pages
    ]
    return {"navigation": items}
