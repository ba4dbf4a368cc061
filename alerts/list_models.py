"""Tables of the plate lists: versions, entries, and files on their way. Part of ``alerts.models``."""

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import Agency, Person
from trailers.models import Trailer

CATEGORIES = (
    "stolen_vehicle",
    "stolen_plate",
    "wanted_vehicle",
    "amber_alert",
    "missing_person_vehicle",
    "firearm_investigation",
    "extortion_investigation",
    "other_authorised",
)


class Hotlist(models.Model):
    """A list of the authority, e.g. ``mto-on``; ``version`` only rises.

    ``next_entry``: the number the next entry gets; none is ever used again.
    """

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    list_id = models.CharField(max_length=32, unique=True)
    version = models.PositiveBigIntegerField(default=0)
    issued_at = models.DateTimeField(null=True)
    valid_to = models.DateTimeField(null=True)
    imported_at = models.DateTimeField(null=True)
    next_entry = models.PositiveBigIntegerField(default=1000)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(list_id__regex=r"^[a-z0-9][a-z0-9-]{1,31}$"), name="hotlist_id_form"
            ),
        )

    def __str__(self) -> str:
        return f"{self.list_id} {self.version}"


class HotlistVersion(models.Model):
    """One version that was in force: whose it is, what it changed, who brought it. Written once.

    ``sha256`` is the file's. ``digests`` are those of the entries by category, what trailers are told
    (docs/hotlists.md).
    """

    hotlist = models.ForeignKey(Hotlist, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveBigIntegerField()
    issued_at = models.DateTimeField()
    valid_to = models.DateTimeField()
    authority = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    before = models.PositiveIntegerField()
    adds = models.PositiveIntegerField()
    changes = models.PositiveIntegerField()
    dels = models.PositiveIntegerField()
    digests = models.JSONField(default=dict)
    imported_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField()
    approved_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("hotlist", "version"), name="hotlist_version_once"),
            # Four eyes: the same person under another sign-in is no second person.
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("imported_by")),
                name="hotlist_version_four_eyes",
            ),
            # Over half gone, or over ten times as many: never by one person.
            models.CheckConstraint(
                condition=Q(approved_by__isnull=False)
                | Q(before=0)
                | Q(before__lte=F("rows") * 2, rows__lte=F("before") * 10),
                name="hotlist_version_guarded",
            ),
        )


class HotlistEntry(models.Model):
    """One plate of a list, from the version that added it to the one that removed it.

    ``touched_in``: the last version that added, changed or removed it. Entries are written by the million, so
    the list's key is no constraint here: lists are never deleted (migration 0010).
    """

    hotlist = models.ForeignKey(
        Hotlist, on_delete=models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    entry_id = models.CharField(max_length=40, db_collation="C")
    plate = models.CharField(max_length=8)
    jurisdiction = models.CharField(max_length=8)
    category = models.CharField(max_length=32)
    reference = models.CharField(max_length=40, default="")
    action = models.CharField(max_length=40, blank=True, default="")
    priority = models.PositiveSmallIntegerField(null=True)
    valid_to = models.DateTimeField()
    added_in = models.PositiveBigIntegerField()
    touched_in = models.PositiveBigIntegerField(default=0)
    removed_in = models.PositiveBigIntegerField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("hotlist", "touched_in"), name="entry_touched"),
            models.Index(
                fields=("removed_at",), condition=Q(removed_in__isnull=False), name="entry_removed_at"
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("hotlist", "entry_id"),
                condition=Q(removed_in__isnull=True),
                name="entry_current_once",
            ),
            models.CheckConstraint(condition=Q(plate__regex="^[A-Z0-9]{2,8}$"), name="entry_plate_form"),
            models.CheckConstraint(condition=Q(category__in=CATEGORIES), name="entry_category_known"),
            models.CheckConstraint(
                condition=Q(removed_in__isnull=True) | Q(removed_in__gt=F("added_in")),
                name="entry_removed_later",
            ),
        )


class HotlistUpload(models.Model):
    """A file on its way to a version: its manifest, how far it is, and who decided on it. No row of it.

    ``before``: entries that stood when a second person was asked for.
    """

    class State(models.TextChoices):
        RECEIVING = "receiving"
        WAITING = "waiting"
        PUBLISHED = "published"
        REFUSED = "refused"
        BROKEN = "broken"
        LAPSED = "lapsed"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    list_id = models.CharField(max_length=32)
    version = models.PositiveBigIntegerField()
    issued_at = models.DateTimeField()
    valid_to = models.DateTimeField()
    authority = models.CharField(max_length=120)
    rows = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=9, choices=State.choices, default=State.RECEIVING)
    code = models.CharField(max_length=32, blank=True)
    chunks = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    before = models.PositiveIntegerField(null=True)
    started_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("expires_at",), condition=Q(state__in=("receiving", "waiting")), name="upload_open"
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | Q(state="refused") | ~Q(decided_by=F("started_by")),
                name="hotlist_upload_four_eyes",
            ),
        )


class HotlistChunk(models.Model):
    """One sealed piece of an upload; ``epoch`` is the hour it came, whose key opens it."""

    upload = models.ForeignKey(HotlistUpload, on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    epoch = models.DateTimeField(db_index=True)
    sealed = models.BinaryField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("upload", "number"), name="hotlist_chunk_once"),)


class HotlistServed(models.Model):
    """Which categories a trailer's copy of a list has, and from which version on.

    A delta is only good between versions that were cut alike.
    """

    trailer = models.OneToOneField(Trailer, on_delete=models.CASCADE, primary_key=True, related_name="+")
    hotlist = models.ForeignKey(Hotlist, on_delete=models.PROTECT, related_name="+")
    categories = ArrayField(models.CharField(max_length=32), default=list)
    since_version = models.PositiveBigIntegerField()
