"""What each code of the trailer contract means, and what a technician does about it. Codes, never content."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _


class Word(NamedTuple):
    """One code: what the device did, what to do about it, and what the agent does by itself."""

    code: str
    means: Any
    do: Any


#: Which request a refusal stands for when nothing could be said of who sent it.
_AGENT_OLD = _("The agent’s software and the contract differ: bring the agent up to date, then look again.")
_ADAPTER = _(
    "The adapter lets through what the contract forbids. Switch the sensor off until its adapter is mended."
)
_LIST = _("The trailer fetches the list by itself. If it goes on, look at its link and the list’s age.")
_CLIP = _("The alert stays, without its clip. Look at the acoustic sensor’s settings and its microphone.")

_WORDS: dict[str, tuple[Any, Any]] = {
    "bad-json": (_("The body is not the strict JSON of the contract."), _AGENT_OLD),
    "bad-digest": (
        _("The body is not the one that was signed: it was changed or cut on its way."),
        _("Look at what stands between the trailer and the console: a proxy may change bodies."),
    ),
    "bad-signature": (
        _("The signature does not hold, or its key waits, was replaced or has expired."),
        _("See the keys of the trailers. If all are good, somebody else knocks: nothing of it is read."),
    ),
    "replayed-nonce": (
        _("A signed request came a second time."),
        _("Now and then it is a lost answer. Many: somebody repeats a recording, tell the administrator."),
    ),
    "clock-skew": (
        _("The trailer’s clock is over 30 s off."),
        _("The agent sets it by the console’s answer. If it comes back, look at its GNSS or its battery."),
    ),
    "key-revoked": (
        _("The key was revoked, and something still signs with it."),
        _("If the trailer is in your hands, enrol it again. If not, that is where it was lost or stolen."),
    ),
    "not-deployed": (
        _("It reported outside an active deployment, or by a sensor that was not justified."),
        _("A few at a deployment’s end were on their way. More of them: its sensors are not off."),
    ),
    "wrong-trailer": (
        _("It signed with its own key for another trailer."),
        _("Two computers were exchanged, or a setting was copied. Enrol the trailer again."),
    ),
    "id-conflict": (
        _("The id of its alert is another trailer’s already."),
        _("An image of one trailer’s disk runs on another. Enrol both again with empty state."),
    ),
    "not-on-hotlist": (_("The hit does not stand on the list it names, or no longer."), _LIST),
    "hotlist-version-stale": (_("The hit names a list that is too old."), _LIST),
    "too-old": (
        _("The alert was over 48 h old, or older than its test window."),
        _("The link was down for long, or the trailer’s clock was wrong when it was raised."),
    ),
    "too-large": (_("The body is larger than the contract allows, or of unannounced length."), _AGENT_OLD),
    "media-type": (_("The body is not of the announced kind."), _AGENT_OLD),
    "schema": (_("The body does not have the contract’s shape."), _AGENT_OLD),
    "forbidden-field": (_("It sent something that may not exist here, by its name."), _ADAPTER),
    "forbidden-class": (_("Its acoustic sensor reported something that is not a gunshot."), _ADAPTER),
    "slow-down": (
        _("It sent more than the console takes of one trailer."),
        _("The agent waits by itself. If it goes on, look for a sensor that repeats itself."),
    ),
    "not-found": (_("It asked for something that is not there, or was not announced."), _AGENT_OLD),
    "method-not-allowed": (_("It used an address in a way that it does not take."), _AGENT_OLD),
    "token-unknown": (
        _("There is no such code."),
        _("A sign was mistyped: compare the groups and type it again."),
    ),
    "token-used": (
        _("The code was used already."),
        _("If that was not this trailer, somebody else has the sheet: confirm no key, and make a new code."),
    ),
    "token-expired": (
        _("The code’s 30 minutes are over, or a newer code was made."),
        _("Make a new code."),
    ),
    "bad-proof": (
        _("The trailer did not prove that it holds its private key."),
        _("Type the code again. If it stays so, bring the agent up to date."),
    ),
    "key-known": (
        _("This very key is registered already."),
        _("Run the command again: it makes a fresh key each time."),
    ),
    "key-rotated": (
        _("The key has a successor already, and another one was offered."),
        _("An image of the trailer’s disk runs twice. Enrol the trailer again."),
    ),
}  # fmt: skip

#: The beginnings of codes that share their words.
_FAMILIES: dict[str, tuple[Any, Any]] = {
    "clip-": (
        _("The clip was not the canonical one of a shot: its form, its length, or speech in it."),
        _CLIP,
    ),
    "crop-": (
        _("The crop was not the small picture of a plate that the contract allows."),
        _("The alert stays, without its crop. Look at the settings of the plate reader."),
    ),
}
_UNKNOWN = (_("This console knows no words for this code."), _("Look it up in docs/fleet.md."))


def word_of(code: str) -> Word:
    """Return the words of a code; every code has some."""
    known = _WORDS.get(code)
    if known is None:
        known = next((words for start, words in _FAMILIES.items() if code.startswith(start)), _UNKNOWN)
    return Word(code, *known)


def known_codes() -> frozenset[str]:
    """Return the codes that have words of their own."""
    return frozenset(_WORDS)
