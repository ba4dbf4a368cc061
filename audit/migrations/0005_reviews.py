from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_verification")]

    operations: list[migrations.operations.base.Operation] = []
