"""Opening, extending and ending live view. Each act is one transaction with its audit entry.

The order of an end (live-video.md): 1 the token and session are refused, in this transaction; after
commit 2 the page is told to blank, 3 the gateway is told to kick, 4 the trailer is told to stop. Should
2 or 3 get lost, the gateway's lease ends the media within 2 s (live.gate.keep).
"""

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

import audit
from accounts.models import Person, User
from accounts.selectors import person_wire
from accounts.sessions import session_hash
from alerts.models import Alert, AlertEvent
from alerts.selectors import locked as locked_alert
from csoc.lib import clock, realtime
from live import kicker, policies
from live.models import LONGEST_LIFE, SESSION_LIFE, LiveSession, MediaToken, Stream
from live.selectors import locked_session, open_sessions
from trailers.models import Trailer
from trailers.selectors import trailer_ref
from trailers.services import send_command

VIEW_TOKEN_S = 30
PUBLISH_TOKEN_S = 30
COMMAND_TTL_S = 15
LEASE_S = 300
#: A media session that just opened may not be in the gateway's list yet.
GRACE = timedelta(seconds=6)


def _ref(session: LiveSession) -> audit.Ref:
    return trailer_ref(session.trailer)


def _event(session: LiveSession, verb: str, at: datetime, person: Person | None, code: str) -> None:
    AlertEvent.objects.create(alert=session.alert, at=at, verb=verb, person=person, code=code)


@transaction.atomic
def open_live_view(*, actor: User, login: Any, alert_id: UUID, reason: str, cad: str) -> dict[str, Any]:
    """Open live view on an acknowledged alert; returns what the page needs to play.

    The alert's row is locked, so that a close at the same moment comes before or after, never between.
    The entry commits with the session; the token is worth nothing before that (H13).
    Errors: Refused, see ``policies.gate``.
    """
    alert = locked_alert(alert_id)
    now = clock.now()
    policies.gate(actor, alert, now)
    stream = _stream_for(alert, actor, now)
    watched = open_sessions().filter(stream=stream).exclude(person=actor.person).exists()
    verb = "video.live.join" if watched else "video.live.open"
    session = LiveSession.objects.create(
        agency=alert.agency, person=actor.person, user=actor, auth_epoch=actor.auth_epoch,
        login=session_hash(login) or "", alert=alert, trailer=alert.trailer, stream=stream, reason=reason,
        opened_at=now, expires_at=now + SESSION_LIFE,
    )  # fmt: skip
    _event(session, verb, now, actor.person, reason)
    receipt = audit.record(verb, _ref(session), reason=audit.Reason(reason, cad=cad or None))
    token = audit.media_token(receipt, VIEW_TOKEN_S)
    MediaToken.objects.create(
        sha256=token.sha256, action=MediaToken.Action.READ, stream=stream, session=session,
        expires_at=token.expires_at,
    )  # fmt: skip
    _tell_watchers(session)
    return {
        "session": str(session.pk),
        "whep_url": f"/gateway/{stream.path}/whep",
        "token": token.token,
        "expires_at": clock.wire(session.expires_at),
        "recording": False,
    }


def _stream_for(alert: Alert, actor: User, now: datetime) -> Stream:
    """Return the trailer's running stream, or command a new one."""
    Trailer.objects.select_for_update().get(pk=alert.trailer_id)
    running = Stream.objects.filter(trailer=alert.trailer, ended_at__isnull=True).first()
    if running is not None:
        # The camera's lease must cover the view that joins now.
        _renew(running, actor.person.wire_id, actor, now)
        return running
    stream = Stream.objects.create(
        trailer=alert.trailer, alert=alert, path=secrets.token_urlsafe(24), started_at=now, renewed_at=now
    )
    _command_start(stream, actor.person.wire_id, actor)
    return stream


def _command_start(stream: Stream, operator: str, actor: Any) -> None:
    receipt = audit.record("trailer.command", trailer_ref(stream.trailer))
    token = audit.media_token(receipt, PUBLISH_TOKEN_S)
    MediaToken.objects.create(
        sha256=token.sha256, action=MediaToken.Action.PUBLISH, stream=stream, expires_at=token.expires_at
    )
    send_command(
        trailer=stream.trailer, name="stream.start", alert_id=stream.alert_id, operator=operator,
        args={
            "lease_s": LEASE_S,
            "whip_url": f"{settings.PUBLIC_URL}/gateway/{stream.path}/whip",
            "token": token.token,
        },
        ttl_s=COMMAND_TTL_S, actor=actor,
    )  # fmt: skip


@transaction.atomic
def extend_live_view(*, actor: User, session_id: UUID, reason: str, cad: str) -> LiveSession:
    """Give a running view five more minutes, with a reason; 60 min in all at most."""
    session = locked_session(session_id)
    now = clock.now()
    policies.may_extend(actor, session, now)
    session.expires_at = min(session.expires_at + SESSION_LIFE, session.opened_at + LONGEST_LIFE)
    session.save(update_fields=["expires_at"])
    audit.record("video.live.extend", _ref(session), reason=audit.Reason(reason, cad=cad or None))
    _renew(session.stream, actor.person.wire_id, actor, now)
    _tell_watchers(session)
    return session


def _renew(stream: Stream, operator: str, actor: Any, now: datetime) -> None:
    stream.renewed_at = now
    stream.save(update_fields=["renewed_at"])
    send_command(
        trailer=stream.trailer, name="stream.renew", alert_id=stream.alert_id, operator=operator,
        args={"lease_s": LEASE_S}, ttl_s=COMMAND_TTL_S, actor=actor,
    )  # fmt: skip


@transaction.atomic
def close_live_view(*, actor: User, session_id: UUID) -> LiveSession:
    """The person ends their own view; ending it twice is the same as once."""
    session = locked_session(session_id)
    policies.own(actor, session)
    if session.ended_at is None:
        _end([session], by=actor.person, reason=LiveSession.End.CLOSED, actor=actor)
    return session


# --- ends that follow from something else; registered in live.apps --------------------------------


def end_with_alert(*, alert: Alert) -> None:
    """The alert was closed: so are its views."""
    _end_all(open_sessions().filter(alert=alert), by=alert.closed_by, reason=LiveSession.End.ALERT_CLOSED)


def end_with_hand_back(*, alert: Alert) -> None:
    """Nobody holds the alert any more: nobody watches on its ground."""
    _end_all(open_sessions().filter(alert=alert), by=None, reason=LiveSession.End.HANDED_BACK)


def end_with_deployment(*, deployment: Any) -> None:
    """The right to stand there ended (H3), on whatever term's alert a view was opened.

    A renewal that takes over says nothing here: its views go on.
    """
    number = {"alert__deployment__year": deployment.year, "alert__deployment__serial": deployment.serial}
    _end_all(
        open_sessions().filter(**number),
        by=deployment.deactivated_by, reason=LiveSession.End.DEACTIVATED,
    )  # fmt: skip


def end_with_right(*, user: User) -> None:
    """The person lost a right: their views end, and every board asks for rights again (H15)."""
    _end_all(open_sessions().filter(user=user), by=None, reason=LiveSession.End.RIGHT_LOST)
    realtime.push_on_commit("live", {"type": "rights", "user": user.pk})


def end_with_sign_in(*, login: str) -> None:
    """The sign-in that opened them is over: a view belongs to person and session (H5)."""
    if login:
        _end_all(open_sessions().filter(login=login), by=None, reason=LiveSession.End.SIGNED_OUT)
        realtime.push_on_commit("live", {"type": "signed-out"})


def end_with_key(*, trailer: Trailer) -> None:
    """A revoked key speaks for nobody, so its picture is nobody's."""
    _end_all(open_sessions().filter(trailer=trailer), by=None, reason=LiveSession.End.KEY_REVOKED)


@transaction.atomic
def end_due_sessions(*, actor: audit.Actor) -> int:
    """End every view whose time is over; returns how many. The gateway's lease already refuses them."""
    due = open_sessions().filter(expires_at__lte=clock.now())
    return _end_all(due, by=None, reason=LiveSession.End.EXPIRED)


@transaction.atomic
def end_what_is_gone(*, actor: audit.Actor, present: set[str]) -> int:
    """End views whose page has left, or never came, and streams whose trailer has; returns how many.

    present: every media session that the gateway has now. A camera never sends to nobody.
    """
    now = clock.now()
    left_again = Q(spent_at__lte=now - GRACE) & ~Q(spent_as__in=present)
    never_came = Q(spent_at__isnull=True, expires_at__lte=now)
    gone = MediaToken.objects.filter(left_again | never_came)
    left = gone.filter(action=MediaToken.Action.READ)
    silent = gone.filter(action=MediaToken.Action.PUBLISH)
    return _end_all(
        open_sessions().filter(stream__in=silent.values("stream")),
        by=None, reason=LiveSession.End.NO_PICTURE,
    ) + _end_all(
        open_sessions().filter(pk__in=left.values("session")), by=None, reason=LiveSession.End.GONE
    )  # fmt: skip


def _end_all(sessions: QuerySet[LiveSession], *, by: Person | None, reason: str) -> int:
    found = list(sessions.select_for_update(of=("self",)))
    if found:
        _end(found, by=by, reason=reason, actor=audit.current_actor())
    return len(found)


def _end(sessions: list[LiveSession], *, by: Person | None, reason: str, actor: Any) -> None:
    """The one way views end; all of ``sessions`` are locked by the caller."""
    now = clock.now()
    for session in sessions:
        session.end(at=now, by=by, reason=reason)
        session.save(update_fields=["ended_at", "ended_by", "end_reason"])
        _event(session, "video.live.close", now, by, reason)
        audit.record("video.live.close", _ref(session), reason=audit.Reason(reason))
        _blank(session, by, now, reason)
        kicker.kick_on_commit(session.tokens.exclude(spent_as="").values_list("spent_as", flat=True))
    for stream_id in {session.stream_id for session in sessions}:
        _stop_if_unwatched(stream_id, actor, now)


def _blank(session: LiveSession, by: Person | None, at: datetime, reason: str) -> None:
    realtime.push_on_commit(
        "live",
        {
            "type": "blank",
            "agency": session.agency.code,
            "session": str(session.pk),
            "by": person_wire(by),
            "at": clock.wire(at),
            "reason": reason,
        },
    )


def _stop_if_unwatched(stream_id: int, actor: Any, now: datetime) -> None:
    """The last view takes the stream with it; another alert's view keeps it, on that alert's ground."""
    stream = (
        Stream.objects.select_for_update(of=("self",)).select_related("trailer__agency").get(pk=stream_id)
    )
    if stream.ended_at is not None:
        return
    operator = actor.person.wire_id if isinstance(actor, User) else actor.id
    left = open_sessions().filter(stream=stream).order_by("opened_at").first()
    if left is not None:
        if left.alert_id != stream.alert_id:
            stream.alert = left.alert
            stream.save(update_fields=["alert"])
            _renew(stream, operator, actor, now)
        return
    stream.ended_at = now
    stream.save(update_fields=["ended_at"])
    kicker.kick_on_commit(
        stream.tokens.filter(action=MediaToken.Action.PUBLISH)
        .exclude(spent_as="")
        .values_list("spent_as", flat=True)
    )
    send_command(
        trailer=stream.trailer, name="stream.stop", alert_id=stream.alert_id, operator=operator,
        ttl_s=COMMAND_TTL_S, actor=actor,
    )  # fmt: skip


def _tell_watchers(session: LiveSession) -> None:
    """Others who watch see who joined."""
    realtime.push_on_commit(
        "live", {"type": "watchers", "agency": session.agency.code, "alert": str(session.alert_id)}
    )
