from django.db import migrations, models

RIGHTS = """
REVOKE ALL ON audit_verification, audit_witness_state, audit_witness_file, audit_prune_request
    FROM PUBLIC, csoc_app, csoc_sequencer;
GRANT SELECT ON audit_verification, audit_witness_state, audit_witness_file, audit_prune_request TO csoc_app;
-- The web process carries files to and fro and decides nothing: the publisher checks what was handed in.
GRANT INSERT (vkey, name, old, size, asked_at, asked_by) ON audit_witness_file TO csoc_app;
GRANT UPDATE (answer, answered_at, answered_by) ON audit_witness_file TO csoc_app;
-- People decide through the app; only the owner, who drops the partition, says that it is done.
GRANT INSERT ON audit_prune_request TO csoc_app;
GRANT UPDATE (approved_by, approved_name, approved_at, approved_entry) ON audit_prune_request TO csoc_app;
CREATE FUNCTION audit_prune_edge() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.approved_by <> '' OR NEW.done_at IS NOT NULL THEN
            RAISE EXCEPTION 'pruning begins with a request' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF OLD.approved_by <> '' AND (NEW.approved_by, NEW.approved_at, NEW.approved_entry)
        IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.approved_entry)
        OR NEW.done_at IS NOT NULL AND NEW.approved_by = '' THEN
        RAISE EXCEPTION 'what was decided about pruning does not change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_prune_edge BEFORE INSERT OR UPDATE ON audit_prune_request
    FOR EACH ROW EXECUTE FUNCTION audit_prune_edge();
-- It forgets its rounds of long ago; what it found stays as an entry of the log.
GRANT SELECT, INSERT, DELETE ON audit_verification TO csoc_publisher;
GRANT SELECT, INSERT, UPDATE ON audit_witness_state, audit_witness_file TO csoc_publisher;
-- A halted sequencer's reason may be what a witness knows.
GRANT SELECT ON audit_witness_state TO csoc_sequencer;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_requests")]

    operations = [
        migrations.CreateModel(
            name="Verification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("since", models.BigIntegerField()),
                ("until", models.BigIntegerField()),
                ("root", models.BinaryField()),
                ("full", models.BooleanField()),
                ("ok", models.BooleanField()),
                ("findings", models.JSONField()),
                ("took_ms", models.IntegerField()),
            ],
            options={
                "db_table": "audit_verification",
                "indexes": [models.Index(fields=["-at"], name="audit_verification_at")],
            },
        ),
        migrations.CreateModel(
            name="WitnessState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("vkey", models.TextField()),
                ("origin", models.TextField()),
                ("name", models.TextField()),
                ("known", models.BigIntegerField(db_default=0)),
                ("tried_at", models.DateTimeField()),
                ("fault", models.TextField(db_default="")),
                ("sentence", models.TextField(db_default="")),
                ("evidence", models.TextField(db_default="")),
            ],
            options={
                "db_table": "audit_witness_state",
                "constraints": [
                    models.UniqueConstraint(fields=["vkey", "origin"], name="audit_witness_state_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="WitnessFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("vkey", models.TextField()),
                ("name", models.TextField()),
                ("old", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.TextField()),
                ("answer", models.TextField(db_default="")),
                ("answered_at", models.DateTimeField(null=True)),
                ("answered_by", models.TextField(db_default="")),
                ("taken_at", models.DateTimeField(null=True)),
                ("refusal", models.TextField(db_default="")),
            ],
            options={
                "db_table": "audit_witness_file",
                "indexes": [models.Index(fields=["vkey", "-id"], name="audit_witness_file_newest")],
            },
        ),
        migrations.CreateModel(
            name="PruneRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("partition", models.BigIntegerField(unique=True)),
                ("asked_by", models.TextField()),
                ("asked_name", models.TextField()),
                ("asked_at", models.DateTimeField()),
                ("asked_entry", models.UUIDField()),
                ("approved_by", models.TextField(db_default="")),
                ("approved_name", models.TextField(db_default="")),
                ("approved_at", models.DateTimeField(null=True)),
                ("approved_entry", models.UUIDField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "audit_prune_request",
                "constraints": [
                    models.CheckConstraint(
                        condition=~models.Q(approved_by=models.F("asked_by")), name="audit_prune_four_eyes"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(approved_by="", approved_at=None, approved_entry=None)
                        | (
                            ~models.Q(approved_by="")
                            & models.Q(approved_at__isnull=False, approved_entry__isnull=False)
                        ),
                        name="audit_prune_approved_by_somebody",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RIGHTS, "DROP FUNCTION audit_prune_edge() CASCADE"),
    ]
