"""Requests for exports: the table, its allowed edges, and that what was approved is what was asked (H14)."""

from django.db import migrations, models

EDGES = """
CREATE FUNCTION audit_export_edge() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'asked' THEN
            RAISE EXCEPTION 'an export begins with a request' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    -- The second person approves what stands here, so it never changes.
    IF (NEW.id, NEW.agency, NEW.year, NEW.serial, NEW.kind, NEW.subject, NEW.question, NEW.details,
        NEW.reason, NEW.reference, NEW.recipient, NEW.requester, NEW.requester_name, NEW.asked_at,
        NEW.asked_entry)
       <> (OLD.id, OLD.agency, OLD.year, OLD.serial, OLD.kind, OLD.subject, OLD.question, OLD.details,
        OLD.reason, OLD.reference, OLD.recipient, OLD.requester, OLD.requester_name, OLD.asked_at,
        OLD.asked_entry)
       OR (NEW.first, NEW.last, NEW.also) IS DISTINCT FROM (OLD.first, OLD.last, OLD.also) THEN
        RAISE EXCEPTION 'what an export asks for does not change' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.approver <> '' AND (NEW.approver, NEW.approver_name, NEW.decided_at)
       IS DISTINCT FROM (OLD.approver, OLD.approver_name, OLD.decided_at) THEN
        RAISE EXCEPTION 'who decided on an export does not change' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('asked', 'approved'), ('asked', 'refused'), ('asked', 'withdrawn'),
        ('approved', 'building'), ('approved', 'cancelled'), ('approved', 'expired'),
        ('building', 'ready'), ('building', 'failed'), ('building', 'cancelled'),
        ('ready', 'expired')
    ) THEN
        RAISE EXCEPTION 'an export does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_export_edge BEFORE INSERT OR UPDATE ON audit_export_request
    FOR EACH ROW EXECUTE FUNCTION audit_export_edge();
ALTER TABLE audit_export_request ENABLE ALWAYS TRIGGER audit_export_edge;
"""

STAYS = """
REVOKE DELETE, TRUNCATE ON audit_export_request FROM csoc_app;
"""

UNDO = """
DROP FUNCTION audit_export_edge CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_tree")]

    operations = [
        # Their tables are made by 0002; these are only what Django knows of them.
        migrations.CreateModel(
            "Node",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "level", "n", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("level", models.SmallIntegerField()),
                ("n", models.BigIntegerField()),
                ("hash", models.BinaryField()),
            ],
            options={"db_table": "audit_node", "managed": False},
        ),
        migrations.CreateModel(
            "Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField()),
                ("note", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audit_checkpoint", "managed": False},
        ),
        migrations.CreateModel(
            "Cosignature",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "size", "witness", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("size", models.BigIntegerField()),
                ("witness", models.TextField()),
                ("line", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audit_cosignature", "managed": False},
        ),
        migrations.CreateModel(
            "LogKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation", "n", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("generation", models.IntegerField()),
                ("n", models.IntegerField()),
                ("vkey", models.TextField()),
                ("from_size", models.BigIntegerField()),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audit_log_key", "managed": False},
        ),
        migrations.CreateModel(
            name="ExportRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("agency", models.CharField(max_length=64)),
                ("year", models.PositiveSmallIntegerField()),
                ("serial", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "waiting for a second person"),
                            ("refused", "refused"),
                            ("withdrawn", "withdrawn"),
                            ("approved", "approved, waiting to be built"),
                            ("building", "being built"),
                            ("ready", "ready"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("expired", "expired, file deleted"),
                        ],
                        default="asked",
                        max_length=10,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("actor", "everything one person or system did"),
                            ("object", "everything done to one thing"),
                            ("range", "every entry of a time"),
                            ("question", "the entries that answer a question"),
                        ],
                        max_length=10,
                    ),
                ),
                ("subject", models.CharField(blank=True, max_length=200)),
                ("question", models.CharField(blank=True, max_length=500)),
                ("first", models.BigIntegerField(null=True)),
                ("last", models.BigIntegerField(null=True)),
                ("details", models.BooleanField(default=False)),
                ("also", models.BigIntegerField(null=True)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("complaint", "complaint about an officer"),
                            ("court", "order of a court or tribunal"),
                            ("oversight-review", "review by an oversight body"),
                            ("access-request", "access request of a person concerned"),
                            ("internal-inquiry", "internal inquiry"),
                            ("security-incident", "security incident"),
                        ],
                        max_length=24,
                    ),
                ),
                ("reference", models.CharField(max_length=40)),
                ("recipient", models.CharField(max_length=128)),
                ("requester", models.CharField(max_length=128)),
                ("requester_name", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField(db_index=True)),
                ("asked_entry", models.UUIDField()),
                ("approver", models.CharField(blank=True, max_length=128)),
                ("approver_name", models.CharField(blank=True, max_length=200)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "refusal",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reference-unknown", "the reference number is not known here"),
                            ("recipient-not-entitled", "the recipient is not entitled to it"),
                            ("too-wide", "it asks for more than the purpose needs"),
                            ("details-not-needed", "the purpose does not need the details"),
                            ("unclear", "it is not clear what it is for"),
                        ],
                        max_length=24,
                    ),
                ),
                ("phase", models.CharField(blank=True, max_length=12)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
                ("lease", models.UUIDField(null=True)),
                ("beat_at", models.DateTimeField(null=True)),
                ("work", models.UUIDField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("fault", models.CharField(blank=True, max_length=32)),
                ("seal", models.UUIDField(null=True)),
                ("digest", models.BinaryField(null=True)),
                ("sealed_at", models.DateTimeField(null=True)),
                ("entries", models.BigIntegerField(null=True)),
                ("missing", models.BigIntegerField(default=0)),
                ("size", models.BigIntegerField(null=True)),
                ("witnesses", models.TextField(blank=True)),
                ("bytes", models.BigIntegerField(null=True)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("built_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "audit_export_request",
                "constraints": [
                    models.UniqueConstraint(fields=("year", "serial"), name="audit_export_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                (
                                    "asked",
                                    "refused",
                                    "withdrawn",
                                    "approved",
                                    "building",
                                    "ready",
                                    "failed",
                                    "cancelled",
                                    "expired",
                                ),
                            )
                        ),
                        name="audit_export_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("actor", "object", "range", "question"))),
                        name="audit_export_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("approver", models.F("requester")), _negated=True),
                        name="audit_export_four_eyes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("approver", ""),
                                ("decided_at__isnull", True),
                                ("state__in", ("asked", "withdrawn")),
                            ),
                            models.Q(
                                models.Q(("state__in", ("asked", "withdrawn")), _negated=True),
                                models.Q(("approver", ""), _negated=True),
                                models.Q(("approver_name", ""), _negated=True),
                                ("decided_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="audit_export_decided_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "refused"), models.Q(("refusal", ""), _negated=True)),
                            models.Q(models.Q(("state", "refused"), _negated=True), ("refusal", "")),
                            _connector="OR",
                        ),
                        name="audit_export_refused_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reason", ""), _negated=True),
                            models.Q(("reference", ""), _negated=True),
                            models.Q(("recipient", ""), _negated=True),
                            models.Q(("requester", ""), _negated=True),
                        ),
                        name="audit_export_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("first__isnull", True),
                                ("kind__in", ("actor", "object")),
                                ("last__isnull", True),
                                ("question", ""),
                                models.Q(("subject", ""), _negated=True),
                            ),
                            models.Q(
                                ("first__gte", 0),
                                ("kind", "range"),
                                ("last__gte", models.F("first")),
                                ("question", ""),
                                ("subject", ""),
                            ),
                            models.Q(
                                ("first__isnull", True),
                                ("kind", "question"),
                                ("last__isnull", True),
                                ("subject", ""),
                                models.Q(("question", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="audit_export_asks_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ("ready",)), _negated=True),
                            models.Q(
                                ("digest__isnull", False),
                                ("expires_at__isnull", False),
                                ("seal__isnull", False),
                                ("size__gt", 0),
                                models.Q(("sha256", ""), _negated=True),
                                models.Q(("witnesses", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="audit_export_ready_is_sealed",
                    ),
                ],
            },
        ),
        migrations.RunSQL(EDGES + STAYS, UNDO),
    ]
