"""Every environment variable the console reads, typed and in one place.

A wrong or missing value stops the program at start with every fault listed at once; nothing is
guessed in production.
"""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from csoc.lib import cad, schedule
from csoc.lib.limits import Limits

#: The secret that demo and test runs fall back to. Production refuses to start with it.
DEMO_SECRET_KEY = "demo-only-not-secret-" + "0" * 40
DEMO_GATEWAY_SECRET = "demo-only-not-secret-" + "1" * 20
#: It stands on every checkpoint, and is the name of the log's keys.
ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(/[A-Za-z0-9._-]+)*")
DEMO_AUDIT_ORIGIN = "csoc-demo.invalid/audit"
DEMO_WITNESS_EVERY_S = 10
DEMO_OWNER_PHONE = "905-555-0142"
MAIL_SCHEMES = ("console", "file", "smtp", "smtps")


class Env(BaseSettings):
    """The process environment, prefix ``CSOC_``.

    ``ENV`` unset means production: the strict side is the default.
    """

    model_config = SettingsConfigDict(env_prefix="CSOC_", extra="ignore")

    env: Literal["production", "demo", "test"] = "production"
    secret_key: str = ""
    #: The URL of *this process's own* database role (app, sequencer; owner only to migrate).
    database_url: str = ""
    redis_url: str = ""
    data_dir: Path = Path(".local")
    #: Scheme and authority people and trailers use, e.g. ``https://csoc.example.org``.
    public_url: str = "http://127.0.0.1:8000"
    gateway_url: str = "http://127.0.0.1:8010"
    gateway_secret: str = ""
    #: Loopback control of the trailer simulator; demo and test only.
    simulator_url: str = ""
    #: Extra host names the web process answers to, comma separated.
    allowed_hosts: str = ""
    log_level: str = "INFO"
    statement_timeout_ms: int = Field(default=2000, ge=100, le=60_000)
    #: The audit log's name towards outsiders, for ever: an address without scheme, spaces or plus signs.
    audit_origin: str = ""
    #: Where the last signed checkpoint is kept beside the database: best on another disk.
    audit_head_dir: Path | None = None
    #: Who may cosign the log: a text file, one verifier key a line.
    audit_witnesses: Path | None = None
    #: Seconds between two rounds to the witnesses: what lies between is vouched for by nobody else yet.
    audit_witness_every_s: int = Field(default=30, ge=1, le=60)
    #: The keys of records that outlive 48 h: they have a backup of their own, the epoch keys have none.
    record_keys_dir: Path | None = None
    #: What is kept how long and by what right: a JSON file (csoc/lib/schedule.py). Unset: shipped examples.
    retention_schedule: Path | None = None
    #: How mail to property owners leaves: console:, file:///folder, smtp://user:password@host:port (STARTTLS)
    #: or smtps:// (TLS at once).
    email_url: str = "console:"
    email_from: str = "no-reply@localhost"
    #: By what means an owner gets the private link and the one-time code.
    owner_channel: Literal["email"] = "email"
    #: The number that every page of an owner names; without one, pages name none.
    owner_phone: str = Field(default="", max_length=40)
    #: Hours in which an owner has to answer.
    owner_link_h: int = Field(default=72, ge=1, le=336)
    #: Days for which a trailer's key is good. Agents rotate theirs when two thirds have passed.
    trailer_key_days: int = Field(default=365, ge=45, le=1826)
    #: The CAD that alerts are handed to: one https URL (http on this machine in a demonstration); or none.
    cad_url: str = ""
    #: The one IP address that is dialled for it: no name is ever asked. Unset: the URL must hold an address.
    cad_address: str = ""
    #: A file with the bearer token that the CAD gave us, read at each send.
    cad_token_file: Path | None = None
    #: Certificates (PEM) that the CAD's is issued by, when it is not a public authority.
    cad_ca_file: Path | None = None
    #: What is posted: CAP 1.2 or EIDO.
    cad_format: Literal["cap", "eido"] = "cap"
    #: What people call it.
    cad_name: str = Field(default="CAD", min_length=1, max_length=40)
    #: Database connections that one process may hold.
    pool_max: int = Field(default=24, ge=2, le=200)
    #: From which figures a trailer's technicians are warned: JSON, see csoc/lib/limits.py.
    fleet_limits: Limits = Limits()

    @property
    def is_demo(self) -> bool:
        """True in demo and test: the cast, one-click sign-in and a movable clock exist."""
        return self.env in ("demo", "test")

    @property
    def public_authority(self) -> str:
        """The ``host[:port]`` that trailers sign as ``@authority``."""
        return urlsplit(self.public_url).netloc

    @property
    def record_keys_folder(self) -> Path:
        """Where the keys of records lie."""
        return self.record_keys_dir or self.data_dir / "keys" / "record"

    @model_validator(mode="after")
    def _complete(self) -> "Env":
        faults = [*self._own_key_stores(), *self._schedule(), *self._mail(), *self._cad()]
        if self.is_demo and faults:
            raise ValueError("; ".join(faults))
        if self.is_demo:
            self.secret_key = self.secret_key or DEMO_SECRET_KEY
            self.gateway_secret = self.gateway_secret or DEMO_GATEWAY_SECRET
            self.audit_origin = self.audit_origin or DEMO_AUDIT_ORIGIN
            self.owner_phone = self.owner_phone or DEMO_OWNER_PHONE
            if "audit_witness_every_s" not in self.model_fields_set:
                self.audit_witness_every_s = DEMO_WITNESS_EVERY_S
            return self
        if len(self.secret_key) < 50 or self.secret_key == DEMO_SECRET_KEY:
            faults.append("CSOC_SECRET_KEY must be a private random text of at least 50 characters")
        if len(self.gateway_secret) < 32 or self.gateway_secret == DEMO_GATEWAY_SECRET:
            faults.append("CSOC_GATEWAY_SECRET must be a private random text of at least 32 characters")
        if not self.database_url:
            faults.append("CSOC_DATABASE_URL is missing")
        if not self.redis_url:
            faults.append("CSOC_REDIS_URL is missing")
        if not self.public_url.startswith("https://"):
            faults.append("CSOC_PUBLIC_URL must begin with https://")
        if not ORIGIN.fullmatch(self.audit_origin):
            faults.append(
                "CSOC_AUDIT_ORIGIN must name the audit log as outsiders know it, such as "
                "csoc.example.org/audit: no https://, no spaces, no plus sign"
            )
        if self.simulator_url:
            faults.append("CSOC_SIMULATOR_URL is set: simulated trailers cannot exist in production")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _own_key_stores(self) -> list[str]:
        """One store is backed up and the other never is: neither may lie in the other."""
        epoch = (self.data_dir / "keys" / "epoch").resolve()
        record = self.record_keys_folder.resolve()
        if not (epoch.is_relative_to(record) or record.is_relative_to(epoch)):
            return []
        return [
            "CSOC_RECORD_KEYS_DIR must be a folder of its own, neither in keys/epoch nor around it: "
            "keys of records are backed up, hourly keys never are"
        ]

    def _mail(self) -> list[str]:
        parts = urlsplit(self.email_url)
        whole = {"file": bool(parts.path), "smtp": bool(parts.hostname), "smtps": bool(parts.hostname)}
        if parts.scheme in MAIL_SCHEMES and whole.get(parts.scheme, True):
            return []
        return ["CSOC_EMAIL_URL must be console:, file:///folder, smtp://host:port or smtps://host:port"]

    def _cad(self) -> list[str]:
        """Alerts leave to one place that was decided before: its name and its address are ours to say."""
        self.cad_address = self.cad_address or cad.address_in(self.cad_url)
        if not self.cad_url:
            unset = not (self.cad_token_file or self.cad_ca_file or self.cad_address)
            return [] if unset else ["CSOC_CAD_URL is missing, and other CSOC_CAD_ values are there"]
        return cad.faults(
            self.cad_url, self.cad_address, self.cad_token_file, self.cad_ca_file, self.cad_name, self.is_demo
        )

    def _schedule(self) -> list[str]:
        if self.retention_schedule is None:
            return []
        return [f"CSOC_RETENTION_SCHEDULE: {fault}" for fault in schedule.read(self.retention_schedule)[1]]


def load() -> Env:
    """Read the environment.

    Errors: SystemExit with one line per fault, so that an operator sees all of them at once.
    """
    try:
        return Env()
    except ValidationError as error:
        lines = [f"  - {item['msg'].removeprefix('Value error, ')}" for item in error.errors()]
        raise SystemExit(
            "The console cannot start (CSOC_ENV unset means production):\n" + "\n".join(lines)
        ) from None
