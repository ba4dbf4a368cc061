"""Reads the mail that a demonstration writes to files."""

import email
import email.policy
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings

MOST = 30
_LINK = re.compile(r"https?://\S+/consent/\S+")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it would have arrived. ``before``, ``link``, ``after``: its text around its one link."""

    to: str
    subject: str
    at: datetime | None
    before: str
    link: str
    after: str


def newest() -> list[Mail]:
    """Return the newest mails of the folder, newest first; none where mail goes elsewhere."""
    folder = settings.EMAIL_FILE_PATH
    if not folder or not Path(folder).is_dir():
        return []
    files = sorted(Path(folder).glob("*.log"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    return [_read(file) for file in reversed(files[-MOST:])]


def _read(file: Path) -> Mail:
    # The folder's backend ends each message with a line of dashes.
    text = file.read_bytes().rpartition(b"\n" + b"-" * 79)[0]
    message = email.message_from_bytes(text, _class=EmailMessage, policy=email.policy.default)
    body = message.get_content() if message.get_content_type() == "text/plain" else ""
    found = _LINK.search(body)
    before, link, after = (body[: found.start()], found[0], body[found.end() :]) if found else (body, "", "")
    date = message["date"].datetime if message["date"] else None
    return Mail(str(message["to"]), str(message["subject"]), date, before, link, after)
