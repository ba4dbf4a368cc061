from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_requests")]

    operations: list[migrations.operations.base.Operation] = []
