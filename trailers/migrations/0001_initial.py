"""The register, the keys and the channel. Spent nonces are UNLOGGED: a check never waits for a disk."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0002_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Trailer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(unique=True)),
                ("label", models.CharField(max_length=80)),
                ("serial", models.CharField(blank=True, max_length=64)),
                ("heading_deg", models.FloatField(default=0.0)),
                ("mast_m", models.FloatField(default=7.0)),
                (
                    "capabilities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), blank=True, default=list, size=None
                    ),
                ),
                ("audio_rate_hz", models.PositiveIntegerField(default=16000)),
                ("command_seq", models.PositiveBigIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.agency"
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.unit"
                    ),
                ),
            ],
            options={
                "ordering": ("number",),
            },
        ),
        migrations.CreateModel(
            name="Nonce",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "keyid", "nonce_hash", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("keyid", models.CharField(max_length=24)),
                ("nonce_hash", models.BinaryField(max_length=32)),
                ("at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Command",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("seq", models.PositiveBigIntegerField()),
                ("name", models.CharField(max_length=32)),
                ("alert", models.UUIDField(null=True)),
                ("operator", models.CharField(max_length=32)),
                ("args", models.JSONField(default=dict)),
                ("issued_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("sent", "Sent"),
                            ("received", "Received"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                        ],
                        default="queued",
                        max_length=8,
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=40)),
                ("sent_at", models.DateTimeField(null=True)),
                ("acked_at", models.DateTimeField(null=True)),
                (
                    "trailer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="commands",
                        to="trailers.trailer",
                    ),
                ),
            ],
            options={
                "ordering": ("trailer", "seq"),
            },
        ),
        migrations.CreateModel(
            name="EnrolmentToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.BinaryField(max_length=32, unique=True)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
                    ),
                ),
                (
                    "trailer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="enrolment_tokens",
                        to="trailers.trailer",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TrailerKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("n", models.PositiveIntegerField()),
                ("keyid", models.CharField(max_length=24, unique=True)),
                ("public_key", models.BinaryField(max_length=32, unique=True)),
                ("fingerprint", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("active", "Active"),
                            ("retired", "Retired"),
                            ("revoked", "Revoked"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.person",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.person",
                    ),
                ),
                (
                    "rotated_from",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="successor",
                        to="trailers.trailerkey",
                    ),
                ),
                (
                    "trailer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="trailers.trailer",
                    ),
                ),
            ],
            options={
                "ordering": ("trailer", "n"),
            },
        ),
        migrations.CreateModel(
            name="DesiredState",
            fields=[
                (
                    "trailer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="desired",
                        serialize=False,
                        to="trailers.trailer",
                    ),
                ),
                ("version", models.PositiveBigIntegerField(default=1)),
                ("deployment", models.CharField(blank=True, max_length=24)),
                ("until", models.DateTimeField(null=True)),
                ("lat", models.FloatField(null=True)),
                ("lon", models.FloatField(null=True)),
                ("heading_deg", models.FloatField(null=True)),
                ("modules", models.JSONField(default=dict)),
                ("forbidden_sectors", models.JSONField(default=list)),
                ("presets", models.JSONField(default=list)),
                ("hotlist_min_version", models.PositiveBigIntegerField(default=0)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("deployment", ""),
                            models.Q(
                                ("heading_deg__isnull", False),
                                ("lat__isnull", False),
                                ("lon__isnull", False),
                                ("until__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="desiredstate_deployment_is_whole",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TrailerStatus",
            fields=[
                (
                    "trailer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="status",
                        serialize=False,
                        to="trailers.trailer",
                    ),
                ),
                ("version", models.PositiveBigIntegerField(default=0)),
                ("link_at", models.DateTimeField(null=True)),
                ("lat", models.FloatField(null=True)),
                ("lon", models.FloatField(null=True)),
                ("fix_at", models.DateTimeField(null=True)),
                ("battery_soc_pct", models.FloatField(null=True)),
                ("faults", models.JSONField(default=list)),
                ("agent_version", models.CharField(blank=True, max_length=32)),
                ("desired_version", models.PositiveBigIntegerField(null=True)),
                ("hotlist_version", models.PositiveBigIntegerField(null=True)),
                ("channel", models.CharField(blank=True, max_length=80)),
                ("pushed_at", models.DateTimeField(null=True)),
                ("shown_state", models.CharField(blank=True, max_length=8)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lat__isnull", True), ("lon__isnull", True)),
                            models.Q(
                                ("lat__gte", -90), ("lat__lte", 90), ("lon__gte", -180), ("lon__lte", 180)
                            ),
                            _connector="OR",
                        ),
                        name="trailerstatus_position_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("battery_soc_pct__isnull", True),
                            models.Q(("battery_soc_pct__gte", 0), ("battery_soc_pct__lte", 100)),
                            _connector="OR",
                        ),
                        name="trailerstatus_soc_range",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="trailer",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1), ("number__lte", 9999)), name="trailer_number_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="trailer",
            constraint=models.CheckConstraint(
                condition=models.Q(("heading_deg__gte", 0), ("heading_deg__lt", 360)),
                name="trailer_heading_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="trailer",
            constraint=models.CheckConstraint(
                condition=models.Q(("mast_m__gt", 0), ("mast_m__lte", 30)), name="trailer_mast_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="trailer",
            constraint=models.CheckConstraint(
                condition=models.Q(("audio_rate_hz__in", (16000, 48000))), name="trailer_audio_rate"
            ),
        ),
        migrations.AddConstraint(
            model_name="trailer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("capabilities__contained_by", ["acoustic", "alpr", "ptz", "speaker", "power"])
                ),
                name="trailer_capabilities_known",
            ),
        ),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                condition=models.Q(("state", "queued")), fields=["trailer", "seq"], name="command_queued"
            ),
        ),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                condition=models.Q(("state__in", ("queued", "sent", "received"))),
                fields=["expires_at"],
                name="command_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="command",
            constraint=models.UniqueConstraint(fields=("trailer", "seq"), name="command_trailer_seq"),
        ),
        migrations.AddConstraint(
            model_name="command",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ("queued", "sent", "received", "done", "refused", "failed", "expired"))
                ),
                name="command_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="command",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("issued_at"))), name="command_expires_later"
            ),
        ),
        migrations.AddConstraint(
            model_name="command",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "queued"), models.Q(("args__has_key", "token"), _negated=True), _connector="OR"
                ),
                name="command_token_only_while_queued",
            ),
        ),
        migrations.AddConstraint(
            model_name="enrolmenttoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("made_at"))),
                name="enrolmenttoken_expires_later",
            ),
        ),
        migrations.AddConstraint(
            model_name="trailerkey",
            constraint=models.UniqueConstraint(fields=("trailer", "n"), name="trailerkey_trailer_n"),
        ),
        migrations.AddConstraint(
            model_name="trailerkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("pending", "active", "retired", "revoked"))),
                name="trailerkey_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="trailerkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("made_by__isnull", True),
                    ("confirmed_by__isnull", True),
                    models.Q(("made_by", models.F("confirmed_by")), _negated=True),
                    _connector="OR",
                ),
                name="trailerkey_two_persons",
            ),
        ),
        migrations.AddConstraint(
            model_name="trailerkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("made_by__isnull", False), ("rotated_from__isnull", False), _connector="OR"
                ),
                name="trailerkey_has_origin",
            ),
        ),
        migrations.AddConstraint(
            model_name="trailerkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ("pending", "revoked")),
                    ("confirmed_by__isnull", False),
                    ("rotated_from__isnull", False),
                    _connector="OR",
                ),
                name="trailerkey_active_needs_confirmation",
            ),
        ),
        migrations.AddConstraint(
            model_name="trailerkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("revoked_at__isnull", False), ("state", "revoked")),
                    models.Q(models.Q(("state", "revoked"), _negated=True), ("revoked_at__isnull", True)),
                    _connector="OR",
                ),
                name="trailerkey_revoked_has_time",
            ),
        ),
        migrations.RunSQL(
            "ALTER TABLE trailers_nonce SET UNLOGGED",
            "ALTER TABLE trailers_nonce SET LOGGED",
        ),
        migrations.RunSQL(
            # A trailer's unit must be a unit of its own agency; two separate foreign keys can't say that.
            "ALTER TABLE trailers_trailer ADD CONSTRAINT trailer_unit_of_agency "
            "FOREIGN KEY (unit_id, agency_id) REFERENCES accounts_unit (id, agency_id)",
            "ALTER TABLE trailers_trailer DROP CONSTRAINT trailer_unit_of_agency",
        ),
    ]
