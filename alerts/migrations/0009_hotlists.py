"""Versions, uploads in sealed pieces, and what each trailer was handed."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_idempotency"),
        ("alerts", "0008_hand_off"),
        ("trailers", "0004_fleet"),
    ]

    operations = [
        migrations.CreateModel(
            name="HotlistChunk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("epoch", models.DateTimeField(db_index=True)),
                ("sealed", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="HotlistServed",
            fields=[
                (
                    "trailer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="trailers.trailer",
                    ),
                ),
                (
                    "categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), default=list, size=None
                    ),
                ),
                ("since_version", models.PositiveBigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="HotlistUpload",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("list_id", models.CharField(max_length=32)),
                ("version", models.PositiveBigIntegerField()),
                ("issued_at", models.DateTimeField()),
                ("valid_to", models.DateTimeField()),
                ("authority", models.CharField(max_length=120)),
                ("rows", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("receiving", "Receiving"),
                            ("waiting", "Waiting"),
                            ("published", "Published"),
                            ("refused", "Refused"),
                            ("broken", "Broken"),
                            ("lapsed", "Lapsed"),
                        ],
                        default="receiving",
                        max_length=9,
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=32)),
                ("chunks", models.PositiveIntegerField(default=0)),
                ("bytes", models.PositiveBigIntegerField(default=0)),
                ("before", models.PositiveIntegerField(null=True)),
                ("started_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="HotlistVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveBigIntegerField()),
                ("issued_at", models.DateTimeField()),
                ("valid_to", models.DateTimeField()),
                ("authority", models.CharField(max_length=120)),
                ("sha256", models.CharField(max_length=64)),
                ("rows", models.PositiveIntegerField()),
                ("before", models.PositiveIntegerField()),
                ("adds", models.PositiveIntegerField()),
                ("changes", models.PositiveIntegerField()),
                ("dels", models.PositiveIntegerField()),
                ("digests", models.JSONField(default=dict)),
                ("imported_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name="hotlistentry",
            name="entry_folded",
        ),
        migrations.RemoveField(
            model_name="hotlistentry",
            name="folded",
        ),
        migrations.AddField(
            model_name="hotlist",
            name="next_entry",
            field=models.PositiveBigIntegerField(default=1000),
        ),
        migrations.AddField(
            model_name="hotlist",
            name="valid_to",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="hotlistentry",
            name="action",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.AddField(
            model_name="hotlistentry",
            name="priority",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="hotlistentry",
            name="reference",
            field=models.CharField(default="", max_length=40),
        ),
        migrations.AddField(
            model_name="hotlistentry",
            name="touched_in",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="hotlistentry",
            name="entry_id",
            field=models.CharField(db_collation="C", max_length=40),
        ),
        migrations.AlterField(
            model_name="hotlistentry",
            name="hotlist",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="alerts.hotlist",
            ),
        ),
        migrations.AddIndex(
            model_name="hotlistentry",
            index=models.Index(fields=["hotlist", "touched_in"], name="entry_touched"),
        ),
        migrations.AddIndex(
            model_name="hotlistentry",
            index=models.Index(
                condition=models.Q(("removed_in__isnull", False)),
                fields=["removed_at"],
                name="entry_removed_at",
            ),
        ),
        migrations.AddField(
            model_name="hotlistserved",
            name="hotlist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="alerts.hotlist"
            ),
        ),
        migrations.AddField(
            model_name="hotlistupload",
            name="agency",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="accounts.agency"),
        ),
        migrations.AddField(
            model_name="hotlistupload",
            name="decided_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
            ),
        ),
        migrations.AddField(
            model_name="hotlistupload",
            name="started_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
            ),
        ),
        migrations.AddField(
            model_name="hotlistchunk",
            name="upload",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="pieces", to="alerts.hotlistupload"
            ),
        ),
        migrations.AddField(
            model_name="hotlistversion",
            name="approved_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
            ),
        ),
        migrations.AddField(
            model_name="hotlistversion",
            name="hotlist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="alerts.hotlist"
            ),
        ),
        migrations.AddField(
            model_name="hotlistversion",
            name="imported_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
            ),
        ),
        migrations.AddIndex(
            model_name="hotlistupload",
            index=models.Index(
                condition=models.Q(("state__in", ("receiving", "waiting"))),
                fields=["expires_at"],
                name="upload_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="hotlistupload",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by__isnull", True),
                    ("state", "refused"),
                    models.Q(("decided_by", models.F("started_by")), _negated=True),
                    _connector="OR",
                ),
                name="hotlist_upload_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="hotlistchunk",
            constraint=models.UniqueConstraint(fields=("upload", "number"), name="hotlist_chunk_once"),
        ),
        migrations.AddConstraint(
            model_name="hotlistversion",
            constraint=models.UniqueConstraint(fields=("hotlist", "version"), name="hotlist_version_once"),
        ),
        migrations.AddConstraint(
            model_name="hotlistversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by__isnull", True),
                    models.Q(("approved_by", models.F("imported_by")), _negated=True),
                    _connector="OR",
                ),
                name="hotlist_version_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="hotlistversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by__isnull", False),
                    ("before", 0),
                    models.Q(
                        (
                            "before__lte",
                            django.db.models.expressions.CombinedExpression(
                                models.F("rows"), "*", models.Value(2)
                            ),
                        ),
                        (
                            "rows__lte",
                            django.db.models.expressions.CombinedExpression(
                                models.F("before"), "*", models.Value(10)
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="hotlist_version_guarded",
            ),
        ),
    ]
