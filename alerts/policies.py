"""Whether an act on an alert is allowed. Reads only; raises Refused."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from accounts.models import Role, User
from accounts.policies import require_role
from accounts.selectors import person_wire
from alerts.handoff.targets import targets
from alerts.media.refusing import upload_over
from alerts.models import Alert, HandOff, HotlistUpload
from alerts.schemas import AlertBody, schema_error
from csoc.lib import clock
from csoc.lib.errors import Refused, nothing_here
from deployments.models import Deployment
from deployments.selectors.installing import was_tested
from deployments.selectors.terms import same_number, standing_since
from trailers.models import Trailer
from vault import epochs

LATE_AFTER = timedelta(minutes=5)
TOO_OLD_AFTER = timedelta(hours=48)
FUTURE_BY = timedelta(seconds=30)
UPLOAD_WITHIN = timedelta(minutes=15)
HAND_BACK_WITHIN = timedelta(seconds=60)
MODULE_OF = {Alert.Kind.GUNSHOT: "acoustic", Alert.Kind.ALPR_HIT: "alpr"}
#: Messages about one alert to one target, corrections included.
MOST_HAND_OFFS = 20
#: How the agent's own test alert calls its detector.
SELF_TEST = "self-test"
VIEWERS = (Role.DISPATCHER, Role.SUPERVISOR)


def may_see_alerts(actor: User) -> None:
    """Alerts' content is for dispatchers and supervisors."""
    require_role(actor, *VIEWERS)


def same_agency(actor: User, alert: Alert) -> None:
    """Another agency's alert does not exist for this person."""
    if alert.agency_id != actor.person.agency_id:
        raise nothing_here()


def _may_act(actor: User, alert: Alert) -> None:
    may_see_alerts(actor)
    same_agency(actor, alert)


def same_version(alert: Alert, version: int) -> None:
    """The act must be on what the person saw."""
    if alert.version != version:
        raise Refused(
            "stale-version", _("The alert changed after you saw it. Look again, then act."), 409,
            version=alert.version,
        )  # fmt: skip


def may_acknowledge(actor: User, alert: Alert, version: int) -> None:
    """First acknowledgement wins; everybody else is told the name."""
    _may_act(actor, alert)
    if alert.state != Alert.State.UNACKNOWLEDGED and alert.acknowledged_by is not None:
        at = clock.wire(alert.acknowledged_at)
        raise Refused(
            "already-acknowledged",
            _("Taken by %(name)s at %(at)s.") % {"name": alert.acknowledged_by.name, "at": at},
            409, by=person_wire(alert.acknowledged_by), at=at,
        )  # fmt: skip
    same_version(alert, version)


def may_hand_back(actor: User, alert: Alert, now: datetime) -> None:
    """Only the person who took it, and within 60 s."""
    _may_act(actor, alert)
    if alert.state != Alert.State.ACKNOWLEDGED or alert.acknowledged_at is None:
        raise Refused("not-acknowledged", _("Nobody holds this alert."), 409)
    if alert.acknowledged_by_id != actor.person_id:
        raise Refused("not-yours", _("Only the person who acknowledged it can hand it back."), 403)
    if now - alert.acknowledged_at > HAND_BACK_WITHIN:
        raise Refused(
            "too-late", _("It can be handed back within 60 seconds. Close it with an outcome instead."), 409
        )


def may_close(actor: User, alert: Alert, version: int) -> None:
    """Only an acknowledged alert is closed."""
    _may_act(actor, alert)
    if alert.state == Alert.State.CLOSED:
        name = alert.closed_by.name if alert.closed_by else ""
        raise Refused("already-closed", _("%s closed it already.") % name, 409)
    if alert.state != Alert.State.ACKNOWLEDGED:
        raise Refused("not-acknowledged", _("Acknowledge the alert first."), 403)
    same_version(alert, version)


def may_verify_plate(actor: User, alert: Alert, version: int) -> None:
    """A plate hit that somebody holds is confirmed or rejected once (H9)."""
    _may_act(actor, alert)
    if alert.kind != Alert.Kind.ALPR_HIT:
        raise Refused("wrong-kind", _("Only a plate hit is confirmed or rejected."), 409)
    if alert.state != Alert.State.ACKNOWLEDGED:
        raise Refused("not-acknowledged", _("Acknowledge the alert first."), 403)
    if alert.plate_decision:
        raise Refused("already-decided", _("Somebody has already compared this plate."), 409)
    same_version(alert, version)


def may_write_note(actor: User, alert: Alert) -> None:
    """Notes belong to open alerts."""
    _may_act(actor, alert)
    if not alert.is_open:
        raise Refused("already-closed", _("The alert is closed."), 409)


def may_report(trailer: Trailer, body: AlertBody, deployment: Deployment | None, now: datetime) -> Deployment:
    """The contract's checks after the schema, in its order; returns the deployment in force.

    Errors: Refused schema/future 422, wrong-trailer 403, not-deployed 403, too-old 410.
    """
    _speaks_for_itself(trailer, body, now)
    if deployment is None or deployment.name != body.deployment or not _senses(deployment, body):
        raise _not_deployed()
    if now - body.occurred > TOO_OLD_AFTER:
        raise Refused("too-old", "The alert is over 48 hours old.", 410)
    if _is_drill(body, deployment):
        raise Refused("too-old", "The installation window of this test alert has ended.", 410)
    return deployment


def may_test(
    trailer: Trailer, body: AlertBody, deployment: Deployment, opened_at: datetime, now: datetime
) -> None:
    """The same checks for a test alert: raised inside the window, for the deployment that is being set up.

    The agent's own test needs no sensor; anything else must come from one that was justified.
    """
    _speaks_for_itself(trailer, body, now)
    of_sensor = MODULE_OF[Alert.Kind(body.kind)] in deployment.modules
    if deployment.name != body.deployment or not (of_sensor or is_self_test(body)):
        raise _not_deployed()
    if body.occurred < opened_at - FUTURE_BY:
        raise Refused("too-old", "The alert was raised before the installation window.", 410)


def is_self_test(body: AlertBody) -> bool:
    """Whether the agent itself raised it on request, with every sensor off."""
    detector = body.gunshot.detector if body.gunshot is not None else None
    return detector is not None and detector.model == SELF_TEST


def upload_until(alert: Alert) -> datetime:
    """Return until when the announced clip or crop of an alert is taken: never past its hour's key."""
    key_gone = epochs.destroyed_at(epochs.epoch_of(alert.occurred_at))
    return min(alert.received_at + UPLOAD_WITHIN, key_gone)


def may_upload(trailer: Trailer, alert: Alert, standing: Deployment | None) -> None:
    """The trailer brings what its own alert announced, and still stands there by right (H3).

    Errors: Refused wrong-trailer 403, not-deployed 403.
    """
    if alert.trailer_id != trailer.pk:
        raise Refused("wrong-trailer", "Another trailer raised this alert.", 403)
    by_right = standing is not None and same_number(standing, alert.deployment)
    if standing is None or not by_right or MODULE_OF[Alert.Kind(alert.kind)] not in standing.modules:
        raise _not_deployed()


def in_upload_window(alert: Alert, now: datetime) -> None:
    """Errors: Refused too-old 410."""
    if now >= upload_until(alert):
        raise upload_over()


def _speaks_for_itself(trailer: Trailer, body: AlertBody, now: datetime) -> None:
    if body.occurred > now + FUTURE_BY:
        raise schema_error("/occurred_at", "future")
    if body.trailer != trailer.name:
        raise Refused("wrong-trailer", "The body speaks for another trailer.", 403)


def _not_deployed() -> Refused:
    return Refused("not-deployed", "No active deployment lets this trailer report this.", 403)


def _is_drill(body: AlertBody, deployment: Deployment) -> bool:
    """A test alert that came, or comes again, after its window: a drill is never an alert (H18)."""
    begun = deployment.activated_at
    before = begun is not None and body.occurred < begun
    return is_self_test(body) or (before and was_tested(body.id))


def _senses(deployment: Deployment, body: AlertBody) -> bool:
    """The sensor was justified, and the moment of capture lies inside the active term (H4).

    Over a renewal the terms before count as well: nothing was switched off between them.
    """
    begun = deployment.activated_at
    if begun is None or MODULE_OF[Alert.Kind(body.kind)] not in deployment.modules:
        return False
    if body.occurred < begun - FUTURE_BY:
        begun = standing_since(deployment)
    return body.occurred >= begun - FUTURE_BY


def may_hand_off(
    actor: User, alert: Alert, version: int, target: str, note: str, earlier: list[HandOff]
) -> None:
    """An acknowledged alert is handed off once to each target; whoever has seen that may correct it.

    ``already-handed-off`` wins over ``stale-version``: a person who raced somebody else learns the name.
    """
    _may_act(actor, alert)
    if target not in {choice.id for choice in targets()}:
        raise Refused("no-such-target", _("There is no such target. Choose one of the list."), 422)
    if alert.state == Alert.State.CLOSED:
        name = alert.closed_by.name if alert.closed_by else ""
        raise Refused("already-closed", _("%s closed it already.") % name, 409)
    if alert.state != Alert.State.ACKNOWLEDGED:
        raise Refused("not-acknowledged", _("Acknowledge the alert first."), 403)
    if alert.version != version and earlier:
        raise _handed_off(earlier[-1])
    same_version(alert, version)
    if alert.plate_decision == Alert.PlateDecision.REJECT:
        raise Refused("plate-rejected", _("The plate was rejected: there is nothing to hand off."), 409)
    if earlier and not note.strip():
        raise Refused("note-needed", _("It was handed off before. Say in the note what this corrects."), 422)
    if len(earlier) >= MOST_HAND_OFFS:
        raise Refused("too-many", _("It was corrected too often. Hand over by radio."), 409)


def _handed_off(last: HandOff) -> Refused:
    at = clock.wire(last.at)
    return Refused(
        "already-handed-off",
        _("Handed off by %(name)s at %(at)s. Look again: you can send a correction.")
        % {"name": last.person.name, "at": at},
        409, by=person_wire(last.person), at=at,
    )  # fmt: skip


#: Why a second person does not let a list through.
REFUSALS = ("wrong-file", "not-expected", "ask-authority", "withdrawn")


def may_see_lists(actor: User) -> None:
    """Figures of the lists, no plate of them: for those who work with the alerts."""
    require_role(actor, *VIEWERS)


def may_import(actor: User) -> None:
    """A list is plates, so it is content: who may never see content does not bring one (ADR 17)."""
    require_role(actor, Role.SUPERVISOR)


def needs_second(before: int, after: int) -> bool:
    """Whether a version is so much smaller or larger that one person may not put it in force alone."""
    return before > 0 and (after * 2 < before or after > before * 10)


def own_upload(actor: User, upload: HotlistUpload) -> HotlistUpload:
    """Return the upload if this person began it; somebody else's pieces are not theirs to add to."""
    may_import(actor)
    if upload.started_by_id != actor.person_id:
        raise nothing_here()
    return upload


def may_decide_upload(actor: User, upload: HotlistUpload, now: datetime) -> None:
    """A second person, not a second sign-in, decides on what waits."""
    may_import(actor)
    if upload.started_by_id == actor.person_id:
        raise Refused("own-request", _("You brought this list. Another supervisor has to look at it."))
    if upload.state != HotlistUpload.State.WAITING or upload.expires_at <= now:
        raise _not_waiting(upload)


def _not_waiting(upload: HotlistUpload) -> Refused:
    """Return that it is over, with the name of whoever decided on it, if it was somebody."""
    person, at = upload.decided_by, clock.wire(upload.decided_at)
    if person is None:
        return Refused("not-waiting", _("This list does not wait for anybody any more."), 409)
    sentence = _("%(name)s refused this list at %(at)s.")
    if upload.state == HotlistUpload.State.PUBLISHED:
        sentence = _("%(name)s let this list through at %(at)s.")
    told = {"name": person.name, "at": at}
    return Refused("not-waiting", sentence % told, 409, by=person_wire(person), at=at)


def may_refuse_upload(actor: User, upload: HotlistUpload, code: str, words: str) -> None:
    """Any supervisor refuses what waits; only who brought it takes it back, finished or not."""
    may_import(actor)
    mine = upload.started_by_id == actor.person_id
    states = (HotlistUpload.State.WAITING, *((HotlistUpload.State.RECEIVING,) if mine else ()))
    if upload.state not in states:
        raise _not_waiting(upload)
    if code not in REFUSALS or (code == "withdrawn") != mine:
        raise Refused("reason-missing", _("Choose why it is not taken."), 422, field="code")
    if not mine and not 3 <= len(words.strip()) <= 1000:
        sentence = _("Say in a sentence why it is not taken. It is kept with the entry.")
        raise Refused("reason-missing", sentence, 422, field="words")
