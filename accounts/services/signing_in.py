"""What signing in and out leaves in the log. Called by the doors that hear django-allauth."""

from contextlib import AbstractContextManager
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

import audit
from accounts import selectors, sessions
from accounts.models import User
from csoc.lib import events
from csoc.lib.errors import Refused

UNKNOWN_USER = "unknown"


def acting(user: User) -> AbstractContextManager[Any]:
    """Act as this user, for seeds and tests: the audit entries inside carry their name."""
    return audit.acting_as(selectors.actor_of(user))


def record_sign_in(*, actor: User, request: Any) -> None:
    """Bind the session to the user's epoch and write the sign-in. Without the entry there is no sign-in."""
    with transaction.atomic(), audit.acting_as(selectors.actor_of(actor, request)):
        sessions.note_sign_in(request.session, actor)
        mark = sessions.second_factor(request.session, actor)
        code = mark["kind"] if mark else "second-factor-missing"
        audit.record("auth.sign_in", selectors.user_ref(actor), outcome=audit.Outcome("allowed", code=code))


def record_sign_in_failed(*, username: str, code: str, actor: audit.Actor) -> None:
    """Write a failed sign-in. A name that nobody has is never written: it may be a mistyped password."""
    user = (
        User.objects.select_related("person__agency").filter(username=username.strip().lower()[:63]).first()
    )
    ref = selectors.user_ref(user) if user else audit.Ref("user", UNKNOWN_USER)
    with transaction.atomic(), audit.acting_as(actor):
        audit.record("auth.sign_in_failed", ref, outcome=audit.Outcome("denied", code=code))


def record_sign_out(*, actor: User, request: Any, code: str | None = None) -> None:
    """Write a sign-out; `code` "right-lost" when the console did it."""
    with transaction.atomic(), audit.acting_as(selectors.actor_of(actor, request)):
        audit.record("auth.sign_out", selectors.user_ref(actor), outcome=audit.Outcome("allowed", code=code))
        events.emit("session.end", login=sessions.session_hash(request.session) or "")


def record_second_factor_used(*, actor: User, request: Any, kind: str) -> None:
    """Mark the session. The sign-in entry names the factor; using it again to confirm is its own entry."""
    sessions.note_second_factor(request.session, actor, kind)
    if request.user.is_authenticated:
        with transaction.atomic(), audit.acting_as(selectors.actor_of(actor, request)):
            audit.record(
                "auth.step_up", selectors.user_ref(actor), outcome=audit.Outcome("allowed", code=kind)
            )


def record_second_factor_failed(*, actor: User, request: Any) -> None:
    """Write a wrong code. The person is known here, because their password was right."""
    with transaction.atomic(), audit.acting_as(selectors.actor_of(actor, request)):
        audit.record(
            "auth.second_factor_failed",
            selectors.user_ref(actor),
            outcome=audit.Outcome("denied", code="incorrect-code"),
        )


def record_second_factor_set(*, actor: User, request: Any, kind: str) -> None:
    """Write a new factor. Setting up TOTP proved it, so the session counts as having it."""
    with transaction.atomic(), audit.acting_as(selectors.actor_of(actor, request)):
        if kind == "totp":
            sessions.note_second_factor(request.session, actor, kind)
        audit.record(
            "auth.second_factor_set", selectors.user_ref(actor), outcome=audit.Outcome("allowed", code=kind)
        )


def record_password_change(*, actor: User, request: Any) -> None:
    """Write a password change and end this user's other sessions; the present one goes on."""
    with transaction.atomic(), audit.acting_as(selectors.actor_of(actor, request)):
        user = User.objects.select_for_update().get(pk=actor.pk)
        user.password_initial = False
        user.save(update_fields=["password_initial"])
        user.end_rights()
        sessions.note_sign_in(request.session, user)
        audit.record("auth.password_change", selectors.user_ref(actor))
    actor.auth_epoch, actor.password_initial = user.auth_epoch, False


def end_session(*, session_id: int, actor: User) -> None:
    """Sign one of the actor's own other sessions out. Errors: Refused 404."""
    with transaction.atomic():
        found = actor.usersession_set.select_for_update().filter(pk=session_id).first()
        if found is None:
            raise Refused("not-found", _("That session has already ended."), 404)
        login = sessions.hash_of(found.session_key)
        found.end()
        events.emit("session.end", login=login)
        audit.record(
            "auth.sign_out", selectors.user_ref(actor), outcome=audit.Outcome("allowed", code="other-session")
        )
