"""People. A `Person` is whoever acts; a `User` is how that person signs in, and one person may have several.

Four eyes compares persons, never users.
"""

import unicodedata
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

#: H16: so long is one thing open to somebody who broke the glass.
GLASS_LIFE = timedelta(minutes=30)

USERNAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{1,62}$"


def plain_text(value: str) -> None:
    """Refuse controls and the invisible marks that turn text around: a name must read as it is written."""
    if any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for sign in value):
        raise ValidationError(_("Use only letters, digits and signs that can be seen."), code="unseen")
    if value != value.strip():
        raise ValidationError(_("Remove the space at the beginning or the end."), code="space")


class Role(models.TextChoices):
    """What a person may do; each is a Django group of the same name, made by migration 0002."""

    APPLICANT = "applicant", _("applicant")
    DISPATCHER = "dispatcher", _("dispatcher")
    SUPERVISOR = "supervisor", _("supervisor")
    INVESTIGATOR = "investigator", _("investigator")
    PRIVACY_OFFICER = "privacy_officer", _("privacy officer")
    BAIL_OFFICER = "bail_officer", _("bail officer")
    TECHNICIAN = "technician", _("technician")
    ADMINISTRATOR = "administrator", _("administrator")


class Agency(models.Model):
    """A police service. Its code is what the audit log and the wire carry."""

    code = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=120)

    class Meta:
        verbose_name_plural = "agencies"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(code__regex=r"^[A-Z0-9][A-Z0-9-]{0,15}$"), name="agency_code_shape"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Unit(models.Model):
    """A part of an agency: a division, a centre, a bureau."""

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="units")
    code = models.CharField(max_length=16)
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "code"], name="unit_code_once_per_agency"),
            # Lets person carry a foreign key on (unit, agency): see migration 0001.
            models.UniqueConstraint(fields=["id", "agency"], name="unit_id_agency"),
        ]

    def __str__(self) -> str:
        return f"{self.agency_id}/{self.code}"


class NextPersonNumber(models.Func):
    """The next value of the sequence made in migration 0001; never reused, so `u-1042` stays one person."""

    function = "nextval"
    template = "nextval('accounts_person_number')"
    output_field = models.IntegerField()


class Person(models.Model):
    """A human being of an agency. Never deleted: the audit log names them for years."""

    number = models.IntegerField(unique=True, db_default=NextPersonNumber(), editable=False)
    name = models.CharField(_("name"), max_length=120, validators=[plain_text])
    badge = models.CharField(_("badge"), max_length=24, validators=[plain_text])
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="people")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="people")
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "people"
        constraints = [
            models.UniqueConstraint(fields=["agency", "badge"], name="badge_once_per_agency"),
            models.CheckConstraint(condition=~models.Q(name=""), name="person_has_name"),
            models.CheckConstraint(condition=~models.Q(badge=""), name="person_has_badge"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def wire_id(self) -> str:
        return f"u-{self.number}"

    def leave(self) -> None:
        """Stop being staff. The database wants every sign-in closed first."""
        self.active = False
        self.save(update_fields=["active"])

    def come_back(self) -> None:
        """Be staff again."""
        self.active = True
        self.save(update_fields=["active"])


class UserManager(BaseUserManager["User"]):
    """Creates sign-ins only for a person: there is no shared and no nameless login."""

    def create_user(
        self, username: str, *, person: Person, password: str | None = None, **extra: Any
    ) -> "User":
        user = self.model(username=username, person=person, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, username: str, *, person: Person, password: str | None = None, **extra: Any
    ) -> "User":
        return self.create_user(
            username, person=person, password=password, is_staff=True, is_superuser=True, **extra
        )


class User(AbstractUser):
    """A sign-in of exactly one person, who may have others. It never moves to another person.

    No name of its own and no mail address: nothing is reset by mail.
    """

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = None  # type: ignore[assignment]
    EMAIL_FIELD = ""
    REQUIRED_FIELDS = []

    username = models.CharField(
        _("username"),
        max_length=63,
        unique=True,
        validators=[
            RegexValidator(
                USERNAME_PATTERN,
                _(
                    "Use 2 to 63 small letters, digits, dots, hyphens or underscores; "
                    "begin with a letter or digit."
                ),
            )
        ],
        error_messages={"unique": _("Somebody already signs in with this username.")},
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="users")
    # Raised by one whenever a right ends; a session or socket holding an older value is over (H15).
    auth_epoch = models.PositiveIntegerField(default=1)
    # True while the password is one that an administrator has seen: the first sign-in replaces it.
    password_initial = models.BooleanField(default=False)

    objects = UserManager()  # type: ignore[misc,assignment]

    class Meta(AbstractUser.Meta):  # type: ignore[name-defined,misc]
        constraints = [
            models.UniqueConstraint(Lower("username"), name="username_once_in_any_case"),
            # Plain lower-case ASCII: no two people whose names look alike on the sign-in page.
            models.CheckConstraint(
                condition=models.Q(username__regex=USERNAME_PATTERN), name="username_shape"
            ),
        ]

    def __str__(self) -> str:
        return self.username

    def clean(self) -> None:
        self.username = self.username.lower()

    def get_full_name(self) -> str:
        return self.person.name

    def get_short_name(self) -> str:
        return self.person.name

    def end_rights(self) -> None:
        """Make every open session, socket and stream of this user stale. The caller holds the row lock."""
        self.auth_epoch += 1
        self.save(update_fields=["auth_epoch"])

    def give_password(self, password: str, *, initial: bool) -> None:
        """Set a password; `initial` when somebody else has seen it."""
        self.set_password(password)
        self.password_initial = initial
        self.save(update_fields=["password", "password_initial"])

    def close(self) -> None:
        """Nothing opens with this sign-in any more."""
        self.is_active = False
        self.set_unusable_password()
        self.save(update_fields=["is_active", "password"])

    def open(self) -> None:
        """It may be used again, once a password is given."""
        self.is_active = True
        self.save(update_fields=["is_active"])


class BreakGlass(models.Model):
    """One thing that one person may read for 30 minutes, outside their grant (H16).

    ``kind`` and ``target``: what it is (alert and its UUID, deployment and its number). ``entry``: the
    uid of the ``access.break_glass`` entry; every read under it names it as its parent. No job ends it: each
    door asks ``holds_at``.
    """

    class Kind(models.TextChoices):
        ALERT = "alert", _("alert")
        DEPLOYMENT = "deployment", _("deployment")

    class Why(models.TextChoices):
        OFFICER_SAFETY = "officer-safety", _("An officer is in danger")
        PUBLIC_SAFETY = "public-safety", _("Somebody else is in danger")
        CANNOT_WAIT = "cannot-wait", _("It cannot wait for whoever may read it")
        NOBODY_THERE = "nobody-there", _("Nobody who may read it can be reached")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    auth_epoch = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    target = models.CharField(max_length=40)
    why = models.CharField(max_length=16, choices=Why.choices)
    entry = models.UUIDField()
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "target"],
                condition=models.Q(ended_at__isnull=True),
                name="glass_once_per_thing",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    expires_at__gt=models.F("opened_at"), expires_at__lte=models.F("opened_at") + GLASS_LIFE
                ),
                name="glass_30_min",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=("alert", "deployment")), name="glass_kind_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["agency", "expires_at"], condition=models.Q(ended_at__isnull=True), name="glass_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"

    def holds_at(self, moment: datetime, auth_epoch: int) -> bool:
        """True while it opens its one thing: not ended, not over, and no right was taken away since."""
        return (
            self.ended_at is None
            and self.auth_epoch == auth_epoch
            and self.opened_at <= moment < self.expires_at
        )

    def end(self, at: datetime) -> None:
        """Close it: now, or when its time was over if that came first."""
        self.ended_at = min(at, self.expires_at)
        self.save(update_fields=["ended_at"])


class IdempotentAnswer(models.Model):
    """The first answer to a person's act, kept 24 h so that the same key gets it again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    body_sha256 = models.CharField(max_length=64)
    answer = models.JSONField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        # It was the alerts' own first; the table kept its name.
        db_table = "alerts_idempotentanswer"
        constraints = (models.UniqueConstraint(fields=("person", "key"), name="answer_once_per_key"),)
