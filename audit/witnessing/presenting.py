"""What the page "Keys and witnesses" says."""

from typing import Any

from audit import verification
from audit.context import current_actor
from audit.witnessing import selectors as witness_selectors


def page(key_id: str) -> dict[str, Any]:
    """Return everything the page shows; ``key_id`` is the witness opened for witnessing by file."""
    listed, faults = witness_selectors.witnesses()
    chosen = next((one for one in listed if one.key_id == key_id), None)
    return {
        "state": verification.state(),
        "keys": witness_selectors.log_keys(),
        "witnesses": listed,
        "faults": faults,
        "chosen": chosen,
        "asked": witness_selectors.open_request(chosen.witness.vkey.text) if chosen else None,
        "pruning": witness_selectors.pruning_due(),
        "me": current_actor().id,
    }
