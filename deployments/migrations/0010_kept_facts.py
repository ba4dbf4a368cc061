"""Facts stay as they were proposed or imported; withdrawn proposals stay readable and keep their number."""

import django.db.models.deletion
from django.db import migrations, models

RULES = """
CREATE OR REPLACE FUNCTION deployments_matrix_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.published_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL
       OR (NEW.id, NEW.agency_id, NEW.version, NEW.name, NEW.factors, NEW.threshold, NEW.valid_days, NEW.example,
           NEW.proposed_by_id, NEW.proposed_at)
       IS DISTINCT FROM
       (OLD.id, OLD.agency_id, OLD.version, OLD.name, OLD.factors, OLD.threshold, OLD.valid_days, OLD.example,
        OLD.proposed_by_id, OLD.proposed_at)
    THEN
        RAISE EXCEPTION 'a proposed risk matrix is published as it is or withdrawn, and stays'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.published_by_id IS NOT NULL AND (SELECT agency_id FROM accounts_person WHERE id = NEW.published_by_id)
       IS DISTINCT FROM NEW.agency_id THEN
        RAISE EXCEPTION 'a risk matrix is published in its agency' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- A matrix begins as a proposal, and can be added up: whole weights, five words, a threshold within reach.
CREATE FUNCTION deployments_matrix_begins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    known integer;
    usable integer;
    keys integer;
    highest bigint;
BEGIN
    IF NEW.published_at IS NOT NULL OR NEW.withdrawn_at IS NOT NULL OR jsonb_typeof(NEW.factors) <> 'array'
       OR (SELECT agency_id FROM accounts_person WHERE id = NEW.proposed_by_id) IS DISTINCT FROM NEW.agency_id THEN
        RAISE EXCEPTION 'a risk matrix begins as a proposal in its agency' USING ERRCODE = 'check_violation';
    END IF;
    SELECT count(*), count(DISTINCT f ->> 'key'),
           count(*) FILTER (WHERE f ->> 'key' ~ '^[a-z][a-z0-9_]{0,39}$' AND f ->> 'label' <> ''
                            AND jsonb_typeof(f -> 'weight') = 'number' AND f ->> 'weight' ~ '^([1-9]|10)$'
                            AND jsonb_typeof(f -> 'levels') = 'array' AND jsonb_array_length(f -> 'levels') = 5)
      INTO known, keys, usable
      FROM jsonb_array_elements(NEW.factors) f;
    IF known NOT BETWEEN 1 AND 20 OR keys <> known OR usable <> known THEN
        RAISE EXCEPTION 'a risk matrix has 1 to 20 factors that can be added up'
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT 4 * sum((f ->> 'weight')::integer) INTO highest FROM jsonb_array_elements(NEW.factors) f;
    IF NEW.threshold > highest THEN
        RAISE EXCEPTION 'no score reaches this threshold' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployments_matrix_begins BEFORE INSERT ON deployments_riskmatrix
    FOR EACH ROW EXECUTE FUNCTION deployments_matrix_begins();
ALTER TABLE deployments_riskmatrix ENABLE ALWAYS TRIGGER deployments_matrix_begins;

-- As before; now also: levels are numbers, nothing is NULL in silence, and a version that was replaced is past.
CREATE OR REPLACE FUNCTION deployments_risk_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    matrix deployments_riskmatrix;
    total integer;
    known integer;
BEGIN
    SELECT * INTO matrix FROM deployments_riskmatrix WHERE id = NEW.matrix_id;
    IF matrix.published_at IS NULL OR matrix.agency_id IS DISTINCT FROM
       (SELECT agency_id FROM deployments_incident WHERE id = NEW.incident_id) THEN
        RAISE EXCEPTION 'risk is assessed by a published matrix of the agency' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM deployments_riskmatrix newer
               WHERE newer.agency_id = matrix.agency_id AND newer.version > matrix.version
                 -- A minute of grace: somebody who was scoring when it was published is not turned away.
                 AND newer.published_at < NEW.assessed_at - interval '1 minute') THEN
        RAISE EXCEPTION 'risk is assessed by the matrix in force' USING ERRCODE = 'check_violation';
    END IF;
    IF jsonb_typeof(NEW.factors) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'the assessment does not add up by its matrix' USING ERRCODE = 'check_violation';
    END IF;
    SELECT sum((f ->> 'weight')::integer * (NEW.factors -> (f ->> 'key') ->> 'level')::integer), count(*)
      INTO total, known
      FROM jsonb_array_elements(matrix.factors) f
     WHERE jsonb_typeof(NEW.factors -> (f ->> 'key') -> 'level') = 'number'
       AND NEW.factors -> (f ->> 'key') ->> 'level' ~ '^[0-4]$';
    IF known <> jsonb_array_length(matrix.factors)
       OR known <> (SELECT count(*) FROM jsonb_object_keys(NEW.factors))
       OR total IS DISTINCT FROM NEW.score OR NEW.threshold IS DISTINCT FROM matrix.threshold
       OR NEW.valid_until > NEW.assessed_at + matrix.valid_days * interval '1 day' THEN
        RAISE EXCEPTION 'the assessment does not add up by its matrix' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- A list of places is what was imported: no place is changed, taken out or slipped in later.
CREATE TRIGGER deployments_record BEFORE UPDATE OR DELETE ON deployments_sensitiveplace
    FOR EACH ROW EXECUTE FUNCTION deployments_record();
ALTER TABLE deployments_sensitiveplace ENABLE ALWAYS TRIGGER deployments_record;

CREATE FUNCTION deployments_places_as_imported() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT list_id FROM added) lists
               JOIN deployments_placeslist l ON l.id = lists.list_id
               WHERE (SELECT count(*) FROM deployments_sensitiveplace p WHERE p.list_id = l.id) > l.rows) THEN
        RAISE EXCEPTION 'a list of places holds what was imported' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deployments_places_as_imported AFTER INSERT ON deployments_sensitiveplace
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION deployments_places_as_imported();
ALTER TABLE deployments_sensitiveplace ENABLE ALWAYS TRIGGER deployments_places_as_imported;
"""


class Migration(migrations.Migration):
    """Columns and triggers. There is no way back: older code would delete proposals."""

    dependencies = [
        ("accounts", "0005_sign_ins"),
        ("deployments", "0005_application_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="riskmatrix",
            name="withdrawn_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="riskmatrix",
            name="withdrawn_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
            ),
        ),
        migrations.AddConstraint(
            model_name="riskmatrix",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("withdrawn_at__isnull", True), ("withdrawn_by__isnull", True)),
                    models.Q(
                        ("published_at__isnull", True),
                        ("withdrawn_at__isnull", False),
                        ("withdrawn_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="matrix_withdrawn_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="riskmatrix",
            constraint=models.UniqueConstraint(
                condition=models.Q(("published_at__isnull", True), ("withdrawn_at__isnull", True)),
                fields=("agency",),
                name="matrix_one_proposal",
            ),
        ),
        migrations.RunSQL(RULES),
    ]
