"""What a trailer says of its modules, its clock and its place; how a stop is proven is only ever added."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trailers", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="trailerstatus",
            name="accuracy_m",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="trailerstatus",
            name="clock_skew_ms",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="trailerstatus",
            name="desired_version_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="trailerstatus",
            name="fix_said",
            field=models.CharField(blank=True, max_length=27),
        ),
        migrations.AddField(
            model_name="trailerstatus",
            name="modules",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="trailerstatus",
            name="modules_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="trailerstatus",
            name="off_point_fixes",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="trailerstatus",
            name="satellites",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.CreateModel(
            name="ModuleChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("module", models.CharField(max_length=12)),
                ("on", models.BooleanField()),
                ("at", models.DateTimeField()),
                (
                    "trailer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="module_changes",
                        to="trailers.trailer",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["trailer", "module", "at"], name="modulechange_when")],
            },
        ),
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE, TRUNCATE ON trailers_modulechange FROM csoc_app",
            "GRANT UPDATE, DELETE ON trailers_modulechange TO csoc_app",
        ),
    ]
