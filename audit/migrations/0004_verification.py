from django.db import migrations, models

RIGHTS = """
REVOKE ALL ON audit_verification, audit_witness_state, audit_witness_file FROM PUBLIC, csoc_app, csoc_sequencer;
GRANT SELECT ON audit_verification, audit_witness_state, audit_witness_file TO csoc_app;
-- The web process carries files to and fro and decides nothing: the publisher checks what was handed in.
GRANT INSERT (vkey, name, old, size, asked_at, asked_by) ON audit_witness_file TO csoc_app;
GRANT UPDATE (answer, answered_at, answered_by) ON audit_witness_file TO csoc_app;
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
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
