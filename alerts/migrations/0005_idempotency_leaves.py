"""The answers to repeated acts belong to accounts now; the table stays."""

from django.db import migrations


class Migration(migrations.Migration):
    """State only."""

    dependencies = [("alerts", "0004_as_received")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("IdempotentAnswer")])
    ]
