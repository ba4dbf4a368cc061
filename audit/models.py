"""The log as the app may see it: rows to read. The inbox has no model on purpose, nobody reads it.

The tables are made by hand in the migration, with their roles and triggers, so they are unmanaged here.
"""

from django.db import models


class Entry(models.Model):
    """One sealed line. Everything but ``idx``, ``uid``, ``line`` and ``leaf`` is generated from the line."""

    idx = models.BigIntegerField(primary_key=True)
    uid = models.UUIDField()
    line = models.TextField()
    leaf = models.BinaryField()
    at = models.DateTimeField()
    actor = models.TextField()
    verb = models.TextField()
    object = models.TextField()
    agency = models.TextField()
    outcome = models.TextField()
    cad = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "audit_log"

    def __str__(self) -> str:
        return f"entry {self.idx}"


class Detail(models.Model):
    """One erasable value, sealed; found by the commitment in its entry."""

    commitment = models.BinaryField(primary_key=True)
    kind = models.TextField(db_column="class")
    sealed = models.BinaryField()
    key_id = models.TextField()
    expires = models.DateTimeField()
    hold = models.BooleanField()

    class Meta:
        managed = False
        db_table = "audit_detail"

    def __str__(self) -> str:
        return f"detail of class {self.kind}"
