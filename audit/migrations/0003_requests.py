from django.db import migrations, models


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
                ("generation", models.IntegerField(primary_key=True, serialize=False)),
                ("n", models.IntegerField()),
                ("vkey", models.TextField()),
                ("from_size", models.BigIntegerField()),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audit_log_key", "managed": False},
        ),
    ]
