"""What no line of a log may hold: the secret part of an owner's private link."""

import logging
import re

_LINK = re.compile(r"(/consent/)[^/\s\"'?]+")


class NoLinks(logging.Filter):
    """Takes the token out of every line: Django names the address of a request that failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, without its token."""
        told = record.getMessage()
        if "/consent/" in told:
            record.msg, record.args = _LINK.sub(r"\1…", told), ()
        return True
