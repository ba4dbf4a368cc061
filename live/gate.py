"""The media path's two questions: may this token open media, and which media may go on.

Both fail closed: an unknown path, action, session or a lost right is a no.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import User
from accounts.selectors import has_role
from alerts.policies import VIEWERS
from csoc.lib import clock
from csoc.lib.errors import Refused
from live import policies
from live.models import LiveSession, MediaToken, Stream

_WITH = ("stream", "session__user__person", "session__alert__trailer", "session__alert__deployment")


@transaction.atomic
def admit(*, actor: str, token: str, action: str, path: str, gateway_id: str | None) -> bool:
    """Judge and spend a token. ``gateway_id`` None is MediaMTX's pre-flight: judged, not spent.

    actor: the gateway's address, for the signature of services. Returns whether media may open.
    """
    digest = hashlib.sha256(token.encode()).hexdigest()
    found = _locked(digest, action, path)
    now = clock.now()
    if found is None or found.expires_at <= now or not _stands(found, now):
        return False
    if gateway_id:
        found.spent_at, found.spent_as = now, gateway_id
        found.save(update_fields=["spent_at", "spent_as"])
    return True


def _locked(digest: str, action: str, path: str) -> MediaToken | None:
    """Return the unspent token, with its session or stream locked.

    An end of the view at the same moment comes before (and is seen here) or after (and kicks what was
    admitted here): never between.
    """
    wanted = MediaToken.objects.filter(sha256=digest, action=action, stream__path=path)
    key = wanted.select_for_update(of=("self",)).values_list("pk", "session_id", "stream_id").first()
    if key is None:
        return None
    token_id, session_id, stream_id = key
    if session_id is not None:
        LiveSession.objects.select_for_update().filter(pk=session_id).values_list("pk").first()
    else:
        Stream.objects.select_for_update().filter(pk=stream_id).values_list("pk").first()
    return MediaToken.objects.select_related(*_WITH).filter(pk=token_id, spent_at__isnull=True).first()


def keep(ids: Iterable[str]) -> list[str]:
    """Of the gateway's media sessions, return the ids that still stand on everything they stood on."""
    now = clock.now()
    tokens = MediaToken.objects.select_related(*_WITH)
    return [token.spent_as for token in tokens.filter(spent_as__in=list(ids)) if _stands(token, now)]


def _stands(token: MediaToken, now: datetime) -> bool:
    if token.stream.ended_at is not None:
        return False
    if token.session is None:
        return any(_view_stands(view, now) for view in _views_of(token))
    return _view_stands(token.session, now)


def _views_of(token: MediaToken) -> list[LiveSession]:
    return list(
        token.stream.sessions.select_related("user__person", "alert__trailer", "alert__deployment").filter(
            ended_at__isnull=True
        )
    )


def _view_stands(view: LiveSession, now: datetime) -> bool:
    """The view runs, its person still has the right they opened it with, and the gate is still open."""
    if view.ended_at is not None or view.expires_at <= now:
        return False
    user: User = view.user
    if not user.is_active or user.auth_epoch != view.auth_epoch or not has_role(user, *VIEWERS):
        return False
    try:
        policies.gate(user, view.alert, now)
    except Refused:
        return False
    return True
