"""A person's repeated act with the same key and sign-in gets the first answer again, for 24 h.

The answer is stored in the transaction of the act, so that there is no moment in which the act stands
and its answer does not. A refusal stores nothing: the act may be tried again.
"""

import hashlib
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.models import IdempotentAnswer, User
from csoc.lib import canonical, clock
from csoc.lib.errors import Refused

KEPT_FOR = timedelta(hours=24)
MAX_KEY = 80


def once(*, actor: User, key: str | None, act: str, body: Any, run: Callable[[], Any]) -> Any:
    """Return ``run()``, or its first answer if ``actor`` already used ``key`` for the same act and body.

    Errors: Refused ``idempotency-key`` (422) for an unusable key or one used with another body.
    """
    if not key:
        return run()
    if len(key) > MAX_KEY or not key.isprintable():
        raise Refused("idempotency-key", _("The Idempotency-Key is too long."), 422)
    # The sign-in belongs to it: another one of the same person may not see what this answer shows.
    digest = hashlib.sha256(canonical.dumps([actor.pk, act, body])).hexdigest()
    with transaction.atomic():
        _serialise(actor, key)
        first = IdempotentAnswer.objects.filter(
            person=actor.person, key=key, at__gt=clock.now() - KEPT_FOR
        ).first()
        if first is not None:
            return _again(first, digest)
        answer = run()
        IdempotentAnswer.objects.update_or_create(
            person=actor.person, key=key,
            defaults={"body_sha256": digest, "answer": answer, "at": clock.now()},
        )  # fmt: skip
        return answer


def forget_old() -> None:
    """Delete answers that no repeat gets any more."""
    IdempotentAnswer.objects.filter(at__lt=clock.now() - KEPT_FOR).delete()


def _serialise(actor: User, key: str) -> None:
    """Two requests with the same key at the same moment: the second waits for the first's answer."""
    with connection.cursor() as cursor:
        # One number: locks of two are kept for the log's own roles (csoc/sql/roles.sql).
        number = actor.person_id << 32 | zlib.crc32(key.encode())
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _again(first: IdempotentAnswer, digest: str) -> Any:
    if first.body_sha256 != digest:
        raise Refused("idempotency-key", _("That Idempotency-Key was used for something else."), 422)
    return first.answer
