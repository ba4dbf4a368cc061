"""Canonical JSON (RFC 8785) for what is signed, compared or hashed."""

from typing import Any

import rfc8785


def dumps(value: Any) -> bytes:
    """Return the RFC 8785 bytes of ``value`` (dict, list, str, bool, None, int below 2^53, float)."""
    return rfc8785.dumps(value)
