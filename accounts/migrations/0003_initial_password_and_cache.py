import django.core.validators
from django.db import migrations, models

import accounts.models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_roles")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="password_initial",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="person",
            name="name",
            field=models.CharField(
                max_length=120, validators=[accounts.models.plain_text], verbose_name="name"
            ),
        ),
        migrations.AlterField(
            model_name="person",
            name="badge",
            field=models.CharField(
                max_length=24, validators=[accounts.models.plain_text], verbose_name="badge"
            ),
        ),
        migrations.AlterField(
            model_name="user",
            name="username",
            field=models.CharField(
                error_messages={"unique": "Somebody already signs in with this username."},
                max_length=63,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[a-z0-9][a-z0-9._-]{1,62}$",
                        "Use 2 to 63 small letters, digits, dots, hyphens or underscores; "
                        "begin with a letter or digit.",
                    )
                ],
                verbose_name="username",
            ),
        ),
        migrations.RunSQL(
            # Django's database cache: sign-in limits and used codes are shared by all web processes,
            # and outlive Valkey.
            """
            CREATE TABLE accounts_cache (
                cache_key varchar(255) NOT NULL PRIMARY KEY,
                value text NOT NULL,
                expires timestamp with time zone NOT NULL
            );
            CREATE INDEX accounts_cache_expires ON accounts_cache (expires);
            """,
            "DROP TABLE accounts_cache",
        ),
    ]
