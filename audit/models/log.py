"""The log as the app may see it: rows to read. The inbox has no model on purpose, nobody reads it.

The tables are made by hand in the migrations, with their roles and triggers, so they are unmanaged here.
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
    actor_agency = models.TextField()
    name = models.TextField(null=True)
    reason = models.TextField(null=True)

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


class Node(models.Model):
    """The hash of one *full* inner node of the tree: ``level`` from 1, ``n`` from the left."""

    pk = models.CompositePrimaryKey("level", "n")
    level = models.SmallIntegerField()
    n = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_node"

    def __str__(self) -> str:
        return f"node {self.level}/{self.n}"


class Checkpoint(models.Model):
    """What the log signed: the root over its first ``size`` lines, as the signed ``note``."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_checkpoint"

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class Cosignature(models.Model):
    """One witness's signature line on the checkpoint of ``size``; ``witness`` is its key's name."""

    pk = models.CompositePrimaryKey("size", "witness")
    size = models.BigIntegerField()
    witness = models.TextField()
    line = models.TextField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_cosignature"

    def __str__(self) -> str:
        return f"cosignature of {self.witness} at {self.size}"


class LogKey(models.Model):
    """The public half of a key of the log, as a vkey; it signs checkpoints from ``from_size`` on.

    generation: one more after each halt that a person ended; n: one more at each rotation.
    """

    pk = models.CompositePrimaryKey("generation", "n")
    generation = models.IntegerField()
    n = models.IntegerField()
    vkey = models.TextField()
    from_size = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_log_key"

    def __str__(self) -> str:
        return f"log key {self.generation}.{self.n}"
