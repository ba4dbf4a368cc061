"""H5 over a renewal: the alert's deployment stands while any term of its number is active (H2: no gap)."""

import importlib

from django.db import migrations

SQL = """
CREATE OR REPLACE FUNCTION live_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1
    FROM alerts_alert a
    JOIN deployments_deployment raised ON raised.id = a.deployment_id
    JOIN deployments_deployment d
      ON d.year = raised.year AND d.serial = raised.serial AND d.trailer_id = a.trailer_id
    JOIN deployments_consent c ON c.id = d.consent_id
    JOIN live_stream s ON s.id = NEW.stream_id
    WHERE a.id = NEW.alert_id
      AND a.state = 'acknowledged' AND a.acknowledged_by_id IS NOT NULL
      AND a.trailer_id = NEW.trailer_id AND s.trailer_id = NEW.trailer_id AND s.ended_at IS NULL
      AND a.received_at - a.occurred_at <= interval '10 minutes'
      AND NOT 'drill' = ANY (a.flags)
      AND d.state = 'active' AND d.starts_at <= NEW.opened_at AND NEW.opened_at < d.ends_at
      AND 'ptz' = ANY (d.modules)
      AND c.withdrawn_at IS NULL AND NEW.opened_at < c.expires_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'live view needs an acknowledged, open alert of an active deployment'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

#: The function as 0002 made it, for the way back.
BEFORE = importlib.import_module("live.migrations.0002_gate").SQL.split("CREATE TRIGGER")[0]


class Migration(migrations.Migration):
    """The gate by number."""

    dependencies = [("live", "0003_records_stay"), ("deployments", "0005_application_rules")]

    operations = [
        migrations.RunSQL(SQL, BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
    ]
