"""The property owner's consent, and the private link by which it is asked for.

Who the owner is stands sealed (``vault.records``); in the clear there are ids, digests, times, the scope.
"""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Agency, Person


class Capacity(models.TextChoices):
    """By what right somebody consents for a property."""

    OWNER = "owner", _("owner")
    OCCUPANT = "authorised_occupant", _("authorised occupant")


class Language(models.TextChoices):
    """The languages of the owner's page, each named in itself."""

    EN = "en", "English"
    FR = "fr", "Français"
    PA = "pa", "ਪੰਜਾਬੀ"


class Consent(models.Model):
    """A consent that was given: a record, which is only ever taken back.

    Its scope is what the owner was told: the point (WGS 84 degrees), the modules, until when.
    ``document_sha256`` is the digest of the signed document, or of the page exactly as the owner read it.
    ``details_sealed``: JSON ``{"name","email"}`` under ``record``.
    """

    class Method(models.TextChoices):
        DOCUMENT = "document", _("signed document")
        LINK = "link", _("private link")

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    capacity = models.CharField(max_length=24, choices=Capacity.choices)
    method = models.CharField(max_length=12, choices=Method.choices, default=Method.DOCUMENT)
    document_sha256 = models.CharField(max_length=64)
    document_name = models.CharField(max_length=80, blank=True)
    document_type = models.CharField(max_length=40, blank=True)
    modules = ArrayField(models.CharField(max_length=12), default=list)
    lat = models.FloatField(null=True)
    lon = models.FloatField(null=True)
    language = models.CharField(max_length=4, choices=Language.choices, default=Language.EN)
    text_version = models.CharField(max_length=16, blank=True)
    conditions = models.TextField(max_length=1000, blank=True)
    record = models.UUIDField(null=True)
    details_sealed = models.BinaryField(null=True)
    given_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    # Null also when the owner did it by the link: then nobody of the service did.
    withdrawn_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    # Null when the owner gave it by the link.
    recorded_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(document_sha256__regex="^[0-9a-f]{64}$"), name="consent_has_document"
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("given_at")), name="consent_expires_later"),
        )

    def holds_at(self, moment: datetime) -> bool:
        """True while it is given, not expired and not withdrawn."""
        return self.withdrawn_at is None and self.given_at <= moment < self.expires_at


class ConsentRequest(models.Model):
    """A private link sent to an owner, with the scope that the owner is asked about.

    ``token_sha256``: the link's secret itself is only in the mail. One link of a deployment is open at a
    time; a newer one ends the older. ``details_sealed``: JSON ``{"name","email"}`` under ``record``.
    """

    class Answer(models.TextChoices):
        NONE = "", _("no answer yet")
        GIVEN = "given", _("given")
        DECLINED = "declined", _("declined")

    deployment = models.ForeignKey(
        "deployments.Deployment", on_delete=models.PROTECT, related_name="consent_requests"
    )
    capacity = models.CharField(max_length=24, choices=Capacity.choices)
    language = models.CharField(max_length=4, choices=Language.choices, default=Language.EN)
    record = models.UUIDField()
    details_sealed = models.BinaryField()
    token_sha256 = models.CharField(max_length=64, unique=True)
    modules = ArrayField(models.CharField(max_length=12))
    site = models.CharField(max_length=120)
    address = models.CharField(max_length=160, blank=True)
    lat = models.FloatField()
    lon = models.FloatField()
    until = models.DateTimeField()
    made_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    #: To answer by; once answered the link lives on, so that the owner can withdraw.
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=8, choices=Answer.choices, blank=True)
    answered_at = models.DateTimeField(null=True)
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, null=True, related_name="request")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("deployment",),
                condition=Q(ended_at__isnull=True, answer=""),
                name="consent_one_open_link",
            ),
            models.CheckConstraint(
                condition=Q(answer="given", consent__isnull=False, answered_at__isnull=False)
                | Q(answer="declined", consent__isnull=True, answered_at__isnull=False)
                | Q(answer="", consent__isnull=True, answered_at__isnull=True),
                name="consent_answer_whole",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="consent_link_expires"),
        )


class OwnerCode(models.Model):
    """A one-time code of a link: 10 minutes, five tries, once. ``code_hmac`` is keyed by the link's token."""

    request = models.ForeignKey(ConsentRequest, on_delete=models.CASCADE, related_name="codes")
    code_hmac = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(tries__lte=5), name="owner_code_five_tries"),)


class OwnerMail(models.Model):
    """A message to an owner that is to be sent: written with the act, sent after it (an outbox).

    ``sealed``: JSON ``{"to","subject","text"}`` under the request's record; emptied once sent.
    """

    class Kind(models.TextChoices):
        LINK = "link"
        CODE = "code"
        RECEIPT = "receipt"
        ENDED = "ended"

    request = models.ForeignKey(ConsentRequest, on_delete=models.CASCADE, related_name="mails")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    sealed = models.BinaryField()
    made_at = models.DateTimeField()
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    fault = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("due_at",), condition=Q(sent_at__isnull=True, failed_at__isnull=True), name="mail_due"
            ),
        )
