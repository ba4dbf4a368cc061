"""One-click sign-in as one of the cast. Exists when CSOC_ENV says demo or test, and never else."""

from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import cast, sessions
from accounts.models import User
from csoc.lib import strictjson
from csoc.lib.errors import Misuse, Refused

BACKEND = "accounts.backends.PersonBackend"


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """`{"username"}` as JSON answers 204; as a form it goes to the home page."""
    form = request.content_type != "application/json"
    name = request.POST.get("username", "") if form else _username(request.body)
    open_session(request=request, username=name)
    return HttpResponseRedirect("/") if form else HttpResponse(status=204)


def open_session(*, request: Any, username: str) -> User:
    """Give the request a full session of a cast member, second factor included.

    Errors: Refused 404 for anybody who is not of the cast; Misuse in production.
    """
    if not settings.IS_DEMO:
        raise Misuse("There is no one-click sign-in in production.")
    # Only a name of the cast reaches the database: any other text may be one that it cannot hold.
    user = (
        User.objects.select_related("person__agency", "person__unit")
        .filter(username=username if username in cast.USERNAMES else "", is_active=True)
        .first()
    )
    if user is None:
        raise Refused("not-found", _("Nobody of the cast has this username."), 404)
    # The mark is set before login() tells the log, and after the last person's session is gone.
    request.session.flush()
    sessions.note_second_factor(request.session, user, "demonstration")
    with transaction.atomic():
        # Its entry is that of every sign-in, with the code "demonstration" for the factor.
        login(request, user, backend=BACKEND)
        UserSession.objects.create_from_request(request)
    return user


def _username(raw: bytes) -> str:
    body = strictjson.loads(raw)
    name = body.get("username") if isinstance(body, dict) else None
    if not isinstance(name, str):
        raise Refused("schema", _("Send a username."), 422)
    return name
