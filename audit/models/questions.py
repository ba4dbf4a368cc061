"""Questions that one reader keeps under a name of their own."""

from django.db import models
from django.db.models.functions import Lower


class SavedQuestion(models.Model):
    """A question's text and its name. ``owner`` is the reader's number in the log (``u-1042``)."""

    owner = models.CharField(max_length=128)
    name = models.CharField(max_length=60)
    text = models.CharField(max_length=500)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "audit_saved_question"
        ordering = ("created_at", "id")
        constraints = (models.UniqueConstraint("owner", Lower("name"), name="saved_question_name_once"),)

    def __str__(self) -> str:
        return f"question “{self.name}”"
