"""The first person of a new console; everybody after them is added on the access page."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

import audit
from accounts import services
from accounts.models import Role
from csoc.lib.errors import Refused


class Command(BaseCommand):
    """`manage.py create_administrator --agency PRP "Regional Police" --unit CSOC "…" --name … --badge …`."""

    help = "Make the first agency, unit and administrator. Refuses once there is an administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        """Everything is asked for by name; nothing is guessed."""
        parser.add_argument("--agency", nargs=2, metavar=("CODE", "NAME"), required=True)
        parser.add_argument("--unit", nargs=2, metavar=("CODE", "NAME"), required=True)
        for name in ("name", "badge", "username"):
            parser.add_argument(f"--{name}", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the initial password once."""
        actor = audit.system("set-up")
        try:
            with transaction.atomic(), audit.acting_as(actor):
                code, name = options["agency"]
                agency = services.create_agency(code=code, name=name, actor=actor)
                code, name = options["unit"]
                unit = services.create_unit(agency=agency, code=code, name=name, actor=actor)
                issued = services.create_user(
                    username=options["username"],
                    name=options["name"],
                    badge=options["badge"],
                    unit=unit,
                    roles=[Role.ADMINISTRATOR],
                    actor=actor,
                )
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        self.stdout.write(f"{issued.user.username} signs in first with: {issued.password}")
