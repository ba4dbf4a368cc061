import django.db.models.deletion
from django.db import migrations, models

RULES = """
-- Four eyes compares persons: a sign-in that moved to another person would make one of two, or two of one.
CREATE FUNCTION accounts_sign_in_rules() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.person_id <> OLD.person_id THEN
        RAISE EXCEPTION 'a sign-in stays with its person' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.is_active THEN
        -- The share lock keeps the person on staff until this transaction ends.
        PERFORM FROM public.accounts_person WHERE id = NEW.person_id AND active FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'who left staff has no open sign-in' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER accounts_sign_in_rules BEFORE INSERT OR UPDATE OF person_id, is_active ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION accounts_sign_in_rules();
ALTER TABLE accounts_user ENABLE ALWAYS TRIGGER accounts_sign_in_rules;

CREATE FUNCTION accounts_leaves_with_all() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM public.accounts_user WHERE person_id = NEW.id AND is_active) THEN
        RAISE EXCEPTION 'who leaves staff leaves with every sign-in' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER accounts_leaves_with_all BEFORE UPDATE OF active ON accounts_person
    FOR EACH ROW WHEN (OLD.active AND NOT NEW.active) EXECUTE FUNCTION accounts_leaves_with_all();
ALTER TABLE accounts_person ENABLE ALWAYS TRIGGER accounts_leaves_with_all;
"""

UNDO = """
DROP TRIGGER accounts_leaves_with_all ON accounts_person;
DROP FUNCTION accounts_leaves_with_all();
DROP TRIGGER accounts_sign_in_rules ON accounts_user;
DROP FUNCTION accounts_sign_in_rules();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_break_glass")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="users", to="accounts.person"
            ),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
