"""Reviews: one row for one reason and entry, nobody judges their own act, a decision stands."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

RULES = """
-- The copy of who did it stays the truth: Django has no composite foreign keys.
ALTER TABLE audit_review_decision ADD CONSTRAINT decision_subject_of_review
    FOREIGN KEY (review_id, subject) REFERENCES audit_review (id, subject);

CREATE FUNCTION audit_review_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.decided_at IS NOT NULL AND NEW.decided_at IS DISTINCT FROM OLD.decided_at THEN
        RAISE EXCEPTION 'a decision stands: add a further review instead'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_review_stays BEFORE UPDATE ON audit_review
    FOR EACH ROW EXECUTE FUNCTION audit_review_stays();
ALTER TABLE audit_review ENABLE ALWAYS TRIGGER audit_review_stays;

REVOKE ALL ON audit_review, audit_review_decision, audit_lot, audit_review_cursor
    FROM PUBLIC, csoc_app, csoc_sequencer, csoc_publisher;
GRANT SELECT, INSERT ON audit_review, audit_review_decision, audit_lot TO csoc_app;
GRANT UPDATE (decided_at) ON audit_review TO csoc_app;
GRANT SELECT, UPDATE (idx) ON audit_review_cursor TO csoc_app;
INSERT INTO audit_review_cursor (name, idx) VALUES ('flags', 0), ('sample', 0);
"""

UNDO = """
DROP TRIGGER audit_review_stays ON audit_review;
DROP FUNCTION audit_review_stays();
ALTER TABLE audit_review_decision DROP CONSTRAINT decision_subject_of_review;
"""

DECISIONS = ("in-order", "needs-explanation", "not-justified")


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_verification")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            "Review",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("idx", models.BigIntegerField()),
                ("uid", models.UUIDField()),
                ("code", models.CharField(max_length=32)),
                ("agency", models.CharField(blank=True, max_length=64)),
                ("subject", models.IntegerField()),
                ("raised_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "audit_review",
                "indexes": [
                    models.Index(
                        fields=["agency", "code"], condition=Q(decided_at__isnull=True), name="review_open"
                    ),
                    models.Index(fields=["agency", "-decided_at"], name="review_decided"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("idx", "code"), name="review_once_per_reason"),
                    models.UniqueConstraint(fields=("id", "subject"), name="review_id_subject"),
                ],
            },
        ),
        migrations.CreateModel(
            "ReviewDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="audit.review",
                    ),
                ),
                ("subject", models.IntegerField()),
                ("nth", models.PositiveSmallIntegerField()),
                ("decision", models.CharField(max_length=20)),
                ("reviewer", models.IntegerField()),
                ("reviewer_name", models.CharField(max_length=200)),
                ("uid", models.UUIDField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_review_decision",
                "ordering": ("nth",),
                "constraints": [
                    models.UniqueConstraint(fields=("review", "nth"), name="decision_one_first"),
                    models.UniqueConstraint(fields=("review", "reviewer"), name="decision_once_per_person"),
                    models.CheckConstraint(
                        condition=~Q(reviewer=F("subject")), name="decision_by_somebody_else"
                    ),
                    models.CheckConstraint(condition=Q(reviewer__gt=0), name="decision_by_a_person"),
                    models.CheckConstraint(condition=Q(decision__in=DECISIONS), name="decision_known"),
                    models.CheckConstraint(condition=Q(nth__gte=1, nth__lte=20), name="decision_nth"),
                ],
            },
        ),
        migrations.CreateModel(
            "Lot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("agency", models.CharField(blank=True, max_length=64)),
                ("week", models.DateField()),
                ("size", models.BigIntegerField()),
                ("seed", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "audit_lot",
                "constraints": [
                    models.UniqueConstraint(fields=("agency", "week"), name="lot_once_a_week"),
                    models.CheckConstraint(
                        condition=Q(seed__regex="^[0-9a-f]{64}$"), name="lot_seed_is_a_root"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            "ReviewCursor",
            fields=[
                ("name", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("idx", models.BigIntegerField(default=0)),
            ],
            options={"db_table": "audit_review_cursor"},
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
