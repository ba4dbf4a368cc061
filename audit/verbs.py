"""The closed vocabulary of the log: every verb, documented, with what a person reads.

``did`` follows the actor's name ("Avery Singh *opened live view of* trailer TRL-0007"); ``to_do`` is
used when it was denied or failed ("was not allowed to *open live view of* …"). ``{object}`` is the
object's word and id. An unknown verb raises where it is written. The log is kept for years: a verb may be
retired, so that nothing writes it any more, and never leaves this list.
"""

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _


class Verb(NamedTuple):
    """One verb's two phrases, both lazily translated."""

    did: Any
    to_do: Any


_PEOPLE: dict[str, Verb] = {
    "auth.sign_in": Verb(_("signed in"), _("sign in")),
    "auth.sign_in_failed": Verb(_("failed to sign in as {object}"), _("sign in as {object}")),
    "auth.sign_out": Verb(_("signed out"), _("sign out")),
    "auth.second_factor_set": Verb(_("set up a second factor"), _("set up a second factor")),
    "auth.second_factor_failed": Verb(_("gave a wrong second factor"), _("pass the second factor")),
    "auth.step_up": Verb(_("confirmed who they are again"), _("confirm who they are again")),
    "auth.password_change": Verb(_("changed their password"), _("change their password")),
    # Retired: one entry a sign-in, with the code "demonstration", says it all.
    "auth.demo_sign_in": Verb(_("signed in with one click (demonstration)"), _("sign in with one click")),
    "user.create": Verb(_("added {object}"), _("add {object}")),
    "user.update": Verb(_("changed {object}"), _("change {object}")),
    "user.leave": Verb(_("recorded that {object} left the staff"), _("record that {object} left")),
    "user.reinstate": Verb(_("brought {object} back to the staff"), _("bring back {object}")),
    "user.second_factor_reset": Verb(
        _("reset the second factor of {object}"), _("reset the second factor of {object}")
    ),
    "user.add_sign_in": Verb(_("gave another sign-in to {object}"), _("give another sign-in to {object}")),
    "user.close_sign_in": Verb(_("closed a sign-in of {object}"), _("close a sign-in of {object}")),
    "user.open_sign_in": Verb(_("opened a sign-in of {object} again"), _("open a sign-in of {object} again")),
    "user.view": Verb(_("looked at the access page"), _("look at the access page")),
    "role.grant": Verb(_("gave a role to {object}"), _("give a role to {object}")),
    "role.revoke": Verb(_("took a role from {object}"), _("take a role from {object}")),
    "access.break_glass": Verb(
        _("broke the glass to see {object}, outside their own grant"), _("break the glass to see {object}")
    ),
    "access.break_glass_end": Verb(
        _("ended the break-glass access to {object}"), _("end the break-glass access to {object}")
    ),
    "shift.start": Verb(_("began a shift"), _("begin a shift")),
    "shift.end": Verb(_("ended a shift"), _("end a shift")),
}

_TRAILERS: dict[str, Verb] = {
    "trailer.create": Verb(_("registered {object}"), _("register {object}")),
    "trailer.update": Verb(_("changed {object}"), _("change {object}")),
    "trailer.enrol_token": Verb(
        _("made an enrolment code for {object}"), _("make an enrolment code for {object}")
    ),
    "trailer.enrol": Verb(_("enrolled {object}"), _("enrol {object}")),
    "trailer.key_confirm": Verb(_("confirmed the key of {object}"), _("confirm the key of {object}")),
    "trailer.desired": Verb(_("changed what {object} should do"), _("change what {object} should do")),
    "trailer.command": Verb(_("sent a command to {object}"), _("send a command to {object}")),
    "trailer.command_ack": Verb(_("answered {object}"), _("answer {object}")),
    "trailer.warning_acknowledge": Verb(
        _("acknowledged a technical warning of {object}"), _("acknowledge a technical warning of {object}")
    ),
    "telemetry.expire": Verb(_("deleted old telemetry"), _("delete old telemetry")),
    "trailer.refuse": Verb(_("sent requests that were refused"), _("send requests")),
    "key.rotate": Verb(_("rotated the key of {object}"), _("rotate the key of {object}")),
    "key.revoke": Verb(_("revoked a key of {object}"), _("revoke a key of {object}")),
    "key.ends": Verb(_("warned of the end of {object}"), _("warn of the end of {object}")),
    "key.view": Verb(_("looked at the keys of {object}"), _("look at the keys of {object}")),
    "refusal.view": Verb(_("looked at what trailers were refused"), _("look at what trailers were refused")),
}

_DEPLOYMENTS: dict[str, Verb] = {
    "incident.report": Verb(_("reported {object}"), _("report {object}")),
    "risk.assess": Verb(_("assessed the risk of {object}"), _("assess the risk of {object}")),
    "need.state": Verb(_("stated the need for {object}"), _("state the need for {object}")),
    "consent.give": Verb(_("gave consent for {object}"), _("give consent for {object}")),
    "consent.withdraw": Verb(_("withdrew consent for {object}"), _("withdraw consent for {object}")),
    "consent.request": Verb(_("asked the owner about {object}"), _("ask the owner about {object}")),
    "consent.end_link": Verb(
        _("took back the owner’s link for {object}"), _("take back the owner’s link for {object}")
    ),
    "consent.code": Verb(_("asked for a code at {object}"), _("ask for a code at {object}")),
    "consent.open": Verb(_("opened {object} with its code"), _("open {object} with a code")),
    "consent.view": Verb(_("looked at {object}"), _("look at {object}")),
    "consent.decline": Verb(_("declined consent for {object}"), _("decline consent for {object}")),
    "consent.download": Verb(_("downloaded what {object} is about"), _("download what {object} is about")),
    "deployment.create": Verb(_("drafted {object}"), _("draft {object}")),
    "deployment.update": Verb(_("changed {object}"), _("change {object}")),
    "deployment.draft": Verb(_("wrote at the draft of {object}"), _("write at the draft of {object}")),
    "deployment.place": Verb(_("set the place of {object}"), _("set the place of {object}")),
    "deployment.reopen": Verb(_("took back {object} to edit it"), _("take back {object} to edit it")),
    "deployment.review": Verb(_("reviewed {object}"), _("review {object}")),
    "deployment.submit": Verb(_("submitted {object}"), _("submit {object}")),
    "deployment.authorise": Verb(_("authorised {object}"), _("authorise {object}")),
    "deployment.refuse": Verb(_("refused {object}"), _("refuse {object}")),
    "deployment.return": Verb(_("returned {object} for changes"), _("return {object}")),
    "deployment.activate": Verb(_("activated {object}"), _("activate {object}")),
    "deployment.deactivate": Verb(_("deactivated {object}"), _("deactivate {object}")),
    "deployment.renew": Verb(_("renewed {object}"), _("renew {object}")),
    "deployment.tighten": Verb(_("narrowed {object}"), _("narrow {object}")),
    "deployment.view": Verb(_("looked at {object}"), _("look at {object}")),
    "deployment.overview": Verb(_("looked at the overview of {object}"), _("look at the overview")),
    "deployment.report": Verb(_("read the report of {object}"), _("read the report of {object}")),
    "deployment.share": Verb(_("shared {object} with somebody"), _("share {object}")),
    "deployment.unshare": Verb(_("stopped sharing {object} with somebody"), _("stop sharing {object}")),
    "installation.open": Verb(
        _("opened the installation window of {object}"), _("open the installation window of {object}")
    ),
    "installation.check": Verb(_("recorded a check of {object}"), _("record a check of {object}")),
    "installation.test_alert": Verb(
        _("raised a test alert for {object}"), _("raise a test alert for {object}")
    ),
    "installation.complete": Verb(
        _("recorded what the trailer of {object} tells"), _("record what the trailer of {object} tells")
    ),
    "installation.view": Verb(
        _("looked at the installation of {object}"), _("look at the installation of {object}")
    ),
    "matrix.propose": Verb(_("proposed {object}"), _("propose {object}")),
    "matrix.publish": Verb(_("published {object}"), _("publish {object}")),
    "matrix.withdraw": Verb(_("withdrew the proposal of {object}"), _("withdraw the proposal of {object}")),
    "matrix.view": Verb(_("looked at {object}"), _("look at {object}")),
    "places.import": Verb(_("imported {object}"), _("import {object}")),
    "places.view": Verb(_("looked at {object}"), _("look at {object}")),
    "area.set": Verb(_("set the outline of {object}"), _("set the outline of {object}")),
    "area.view": Verb(_("looked at {object}"), _("look at {object}")),
    "approval.request": Verb(_("asked for approval of {object}"), _("ask for approval of {object}")),
    "approval.grant": Verb(_("approved {object}"), _("approve {object}")),
    "approval.deny": Verb(_("did not approve {object}"), _("decide on {object}")),
    "approval.withdraw": Verb(_("withdrew the request for {object}"), _("withdraw the request for {object}")),
}

_ALERTS: dict[str, Verb] = {
    "alert.receive": Verb(_("raised {object}"), _("raise {object}")),
    "alert.refuse": Verb(_("sent alerts that were refused"), _("raise alerts")),
    "alert.gap": Verb(_("noticed missing reports of {object}"), _("notice missing reports of {object}")),
    "alert.gap_end": Verb(
        _("stopped waiting for missing reports of {object}"), _("stop waiting for reports of {object}")
    ),
    "alert.acknowledge": Verb(_("acknowledged {object}"), _("acknowledge {object}")),
    "alert.hand_back": Verb(_("handed back {object}"), _("hand back {object}")),
    "alert.verify_plate": Verb(_("judged the plate of {object}"), _("judge the plate of {object}")),
    "alert.note": Verb(_("wrote a note on {object}"), _("write a note on {object}")),
    "alert.shelve": Verb(_("shelved {object}"), _("shelve {object}")),
    "alert.escalate": Verb(_("escalated {object}"), _("escalate {object}")),
    "alert.hand_off": Verb(_("handed off {object}"), _("hand off {object}")),
    "alert.hand_off_end": Verb(
        _("delivered the hand-off of {object}"), _("deliver the hand-off of {object}")
    ),
    "alert.hand_off_download": Verb(
        _("downloaded the hand-off of {object}"), _("download the hand-off of {object}")
    ),
    "alert.close": Verb(_("closed {object}"), _("close {object}")),
    "alert.view": Verb(_("looked at the detail of {object}"), _("look at the detail of {object}")),
    "clip.receive": Verb(_("sent the clip of {object}"), _("send the clip of {object}")),
    "clip.refuse": Verb(_("sent a clip of {object} that was refused"), _("send the clip of {object}")),
    "clip.play": Verb(_("listened to the clip of {object}"), _("listen to the clip of {object}")),
    "crop.receive": Verb(
        _("sent the picture of the plate of {object}"), _("send the picture of the plate of {object}")
    ),
    "crop.refuse": Verb(
        _("sent a picture of the plate of {object} that was refused"),
        _("send the picture of the plate of {object}"),
    ),
    "crop.view": Verb(
        _("looked at the picture of the plate of {object}"), _("look at the picture of the plate of {object}")
    ),
    "alert.simulate": Verb(_("staged an alert at {object} (demonstration)"), _("stage an alert at {object}")),
    "hotlist.import": Verb(_("imported {object}"), _("import {object}")),
    "hotlist.upload": Verb(_("began to upload {object}"), _("begin to upload {object}")),
    "hotlist.request": Verb(
        _("asked a second person to let {object} through"), _("ask a second person about {object}")
    ),
    "hotlist.approve": Verb(_("let {object} through as the second person"), _("let {object} through")),
    "hotlist.refuse": Verb(_("did not let {object} through"), _("refuse {object}")),
    "hotlist.lapse": Verb(_("destroyed {object}, on which nobody decided"), _("destroy {object}")),
    "hotlist.view": Verb(_("looked at {object}"), _("look at {object}")),
    "hotlist.download": Verb(_("fetched {object}"), _("fetch {object}")),
    "search.run": Verb(_("searched {object}"), _("search {object}")),
    "video.live.open": Verb(_("opened live view of {object}"), _("open live view of {object}")),
    "video.live.join": Verb(_("joined the live view of {object}"), _("join the live view of {object}")),
    "video.live.extend": Verb(_("extended the live view of {object}"), _("extend the live view of {object}")),
    "video.live.close": Verb(_("ended the live view of {object}"), _("end the live view of {object}")),
    "ptz.move": Verb(_("moved the camera of {object}"), _("move the camera of {object}")),
    "speaker.speak": Verb(_("spoke through {object}"), _("speak through {object}")),
}

_KEEPING: dict[str, Verb] = {
    "evidence.view": Verb(_("looked at {object}"), _("look at {object}")),
    "evidence.download": Verb(_("downloaded {object}"), _("download {object}")),
    "evidence.retain": Verb(_("retained {object}"), _("retain {object}")),
    "evidence.hold": Verb(_("put a hold on {object}"), _("put a hold on {object}")),
    "evidence.release": Verb(_("released the hold on {object}"), _("release the hold on {object}")),
    "export.begin": Verb(_("began to export {object}"), _("begin to export {object}")),
    "export.end": Verb(_("finished exporting {object}"), _("finish exporting {object}")),
    "purge.plan": Verb(_("planned the purge of {object}"), _("plan the purge of {object}")),
    "purge.run": Verb(_("ran the purge"), _("run the purge")),
    "detail.erase": Verb(_("erased the detail of {object}"), _("erase the detail of {object}")),
    "audit.view": Verb(_("read this log"), _("read this log")),
    "audit.export": Verb(_("exported {object}"), _("export {object}")),
    "audit.download": Verb(_("downloaded {object}"), _("download {object}")),
    "audit.expire": Verb(_("deleted the file of {object}"), _("delete the file of {object}")),
    "audit.review": Verb(_("looked at {object} for review"), _("look at {object} for review")),
    "audit.verify": Verb(_("verified {object}"), _("verify {object}")),
    "audit.flag": Verb(_("flagged {object}"), _("flag {object}")),
    "audit.resolve": Verb(_("resolved {object}"), _("resolve {object}")),
    "audit.witness_request": Verb(_("wrote a request for {object}"), _("write a request for {object}")),
    "audit.witness_answer": Verb(_("handed in an answer of {object}"), _("hand in an answer of {object}")),
    "log.genesis": Verb(_("began this log"), _("begin this log")),
    "log.census": Verb(_("counted every actor and object of this log"), _("count this log")),
    "log.rotate": Verb(_("rotated the key of this log"), _("rotate the key of this log")),
    "log.prune": Verb(_("pruned this log"), _("prune this log")),
    "log.halt": Verb(_("halted this log"), _("halt this log")),
    "log.resume": Verb(_("resumed this log"), _("resume this log")),
    "system.start": Verb(_("started"), _("start")),
    "system.seed": Verb(_("made the demonstration data"), _("make the demonstration data")),
    "system.malformed": Verb(_("kept a malformed entry as it came"), _("keep a malformed entry")),
}

VERBS: dict[str, Verb] = {**_PEOPLE, **_TRAILERS, **_DEPLOYMENTS, **_ALERTS, **_KEEPING}
