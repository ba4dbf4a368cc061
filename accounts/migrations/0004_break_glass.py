import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.models

RULES = """
-- What was opened stays as it was: only its end is ever written, once.
REVOKE UPDATE, DELETE ON accounts_breakglass FROM csoc_app;
GRANT UPDATE (ended_at) ON accounts_breakglass TO csoc_app;
CREATE FUNCTION accounts_glass_ends_once() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'a break-glass that ended does not come back' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER accounts_glass_ends_once BEFORE UPDATE ON accounts_breakglass
    FOR EACH ROW EXECUTE FUNCTION accounts_glass_ends_once();
ALTER TABLE accounts_breakglass ENABLE ALWAYS TRIGGER accounts_glass_ends_once;
"""

UNDO = """
DROP TRIGGER accounts_glass_ends_once ON accounts_breakglass;
DROP FUNCTION accounts_glass_ends_once();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_initial_password_and_cache")]

    operations = [
        migrations.CreateModel(
            name="BreakGlass",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("auth_epoch", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("alert", "alert"), ("deployment", "deployment")], max_length=12
                    ),
                ),
                ("target", models.CharField(max_length=40)),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("officer-safety", "An officer is in danger"),
                            ("public-safety", "Somebody else is in danger"),
                            ("cannot-wait", "It cannot wait for whoever may read it"),
                            ("nobody-there", "Nobody who may read it can be reached"),
                        ],
                        max_length=16,
                    ),
                ),
                ("entry", models.UUIDField()),
                ("opened_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.agency"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["agency", "expires_at"],
                        name="glass_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("user", "kind", "target"),
                        name="glass_once_per_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_at__gt", models.F("opened_at")),
                            (
                                "expires_at__lte",
                                models.F("opened_at") + accounts.models.GLASS_LIFE,
                            ),
                        ),
                        name="glass_30_min",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("alert", "deployment"))), name="glass_kind_known"
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
