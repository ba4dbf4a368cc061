"""The app role deletes nothing that is a record: alerts, deployments, decisions, views.

Personal detail is deleted by the purge; what remains of an alert is the contentless tombstone (H10).
"""

from django.db import migrations

TABLES = (
    "accounts_person, accounts_agency, accounts_unit, trailers_trailer, trailers_trailerkey, "
    "deployments_incident, deployments_riskassessment, deployments_consent, deployments_deployment, "
    "deployments_authorisation, alerts_alert, alerts_alertevent, live_stream, live_livesession"
)


class Migration(migrations.Migration):
    """A privilege less."""

    dependencies = [
        ("live", "0002_gate"),
        ("alerts", "0004_as_received"),
        ("deployments", "0003_as_read"),
        ("trailers", "0001_initial"),
        ("accounts", "0003_initial_password_and_cache"),
    ]

    operations = [
        migrations.RunSQL(
            f"REVOKE DELETE, TRUNCATE ON {TABLES} FROM csoc_app", f"GRANT DELETE ON {TABLES} TO csoc_app"
        )
    ]
