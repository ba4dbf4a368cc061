"""Every key has an end; who confirmed and revoked it, when and why; a press for a code is answered once."""

from datetime import timedelta

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Greatest

LIFE, AT_LEAST = timedelta(days=365), timedelta(days=45)


def give_ends(apps, schema_editor):
    """A key of before was good for ever: it ends a year after it was made, and nobody is surprised by it.

    Whoever has an older one gets 45 days: the agent rotates it, or the warnings say so in time.
    """
    from csoc.lib import clock

    keys = apps.get_model("trailers", "TrailerKey").objects
    keys.filter(confirmed_by__isnull=False).update(confirmed_at=F("created_at"))
    # An end of before was always that of a key with a successor.
    keys.filter(valid_until__isnull=False).update(replaced_at=F("valid_until"))
    latest = models.Value(clock.now() + AT_LEAST, output_field=models.DateTimeField())
    keys.filter(state="active", valid_until=None).update(valid_until=Greatest(F("created_at") + LIFE, latest))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_roles"),
        ("trailers", "0004_fleet"),
    ]

    operations = [
        migrations.AddField(
            model_name="enrolmenttoken",
            name="asked",
            field=models.UUIDField(null=True, unique=True),
        ),
        migrations.AddField(
            model_name="trailerkey",
            name="confirmed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="trailerkey",
            name="replaced_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="trailerkey",
            name="revoke_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("lost", "the trailer, or its computer, is lost"),
                    ("stolen", "the trailer, or its computer, was stolen"),
                    ("known", "somebody else may know the private key"),
                    ("differs", "its fingerprint was not the trailer’s"),
                    ("retired", "the trailer leaves service"),
                    ("other", "another reason"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="trailerkey",
            name="revoked_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.person",
            ),
        ),
        migrations.AddField(
            model_name="trailerkey",
            name="warned_days",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.RunPython(give_ends, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="trailerkey",
            constraint=models.CheckConstraint(
                condition=~Q(state="active") | Q(valid_until__isnull=False),
                name="trailerkey_active_has_end",
            ),
        ),
    ]
