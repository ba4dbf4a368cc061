"""The command that makes the first administrator of a new console."""

import pytest
from django.core.management import CommandError, call_command

from accounts import selectors
from accounts.models import Agency, User

pytestmark = pytest.mark.django_db

WORDS = {
    "agency": ["PRP", "Regional Police"],
    "unit": ["CSOC", "Operations Centre"],
    "name": "Sam Achterberg",
    "badge": "1001",
    "username": "s.achterberg",
}


def test_it_makes_one_and_then_refuses(capsys, entries):
    call_command("create_administrator", **WORDS)
    user = User.objects.get(username="s.achterberg")
    password = capsys.readouterr().out.strip().rsplit(" ", 1)[1]
    assert user.check_password(password) and user.password_initial
    assert selectors.roles_of(user) == {"administrator"}
    assert entries.verbs == ["user.create"] * 3 + ["role.grant"]
    assert {entry["actor"]["kind"] for entry in entries} == {"system"}
    with pytest.raises(CommandError, match="An administrator must do this"):
        call_command("create_administrator", **WORDS | {"agency": ["NEW", "New"], "username": "other"})


def test_a_bad_word_leaves_nothing_behind():
    with pytest.raises(CommandError):
        call_command("create_administrator", **WORDS | {"username": "has space"})
    assert not Agency.objects.exists() and not User.objects.exists()
