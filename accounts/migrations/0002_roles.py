from django.db import migrations

ROLES = [
    "applicant",
    "dispatcher",
    "supervisor",
    "investigator",
    "privacy_officer",
    "bail_officer",
    "technician",
    "administrator",
]


def create_roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
