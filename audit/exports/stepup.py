"""Confirming who is at the keyboard before an export is approved or taken, as sign-in offers it.

The accounts app decides what is fresh (its adapter); the log knows it by its URL name only.
"""

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.context import current_actor
from csoc.lib.errors import Refused

#: How the one-click people of a demonstration signed in: they have nothing to confirm with.
DEMONSTRATION = "demonstration"


class ConfirmFirst(Refused):
    """The second factor was shown too long ago (403 ``confirm-first``)."""

    def __init__(self) -> None:
        sentence = _("Confirm who you are with your second factor, then do this again.")
        super().__init__("confirm-first", sentence, 403)


def confirmed() -> None:
    """Refuse unless the acting person has shown their second factor within five minutes."""
    if current_actor().auth == DEMONSTRATION:
        return
    if get_adapter().is_reauthentication_required(app="audit"):
        raise ConfirmFirst


def confirming(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Send whoever has to confirm to the page for it, and from there back to the export."""

    @functools.wraps(view)
    def sent(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ConfirmFirst:
            back = reverse("audit-export", kwargs=kwargs)
            return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}")

    return sent
