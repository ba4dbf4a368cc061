"""Domain events: how a lower app tells a higher one in the same transaction.

Handlers are registered in ``AppConfig.ready`` by name, so the list of who listens is a search away.
A handler that fails fails the act: an end that cannot cut its video must not look done.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

_handlers: dict[str, list[Callable[..., None]]] = defaultdict(list)

#: The whole vocabulary: name -> keyword arguments of its handlers.
NAMES = {
    "deployment.deactivate": ("deployment",),
    "alert.close": ("alert",),
    "alert.hand_back": ("alert",),
    "user.right_lost": ("user",),
    "key.revoke": ("trailer",),
    "trailer.moved": ("trailer",),
    # A signed device was refused at a door of a lower app: counted with the refusals of alerts.
    "device.refused": ("trailer", "code"),
    # One key on two sockets at the same time: the newer one speaks, and it is counted.
    "trailer.two_places": ("trailer",),
    # ``login``: the truncated session hash that the audit log names a sign-in by.
    "session.end": ("login",),
}


def on(name: str, handler: Callable[..., None]) -> None:
    """Register ``handler`` for ``name``; registering it twice is the same as once."""
    if name not in NAMES:
        raise KeyError(f"{name} is not a domain event")
    if handler not in _handlers[name]:
        _handlers[name].append(handler)


def emit(name: str, **payload: Any) -> None:
    """Call every handler of ``name`` now, inside the caller's transaction."""
    if set(payload) != set(NAMES[name]):
        raise TypeError(f"{name} carries exactly {NAMES[name]}")
    for handler in _handlers[name]:
        handler(**payload)
