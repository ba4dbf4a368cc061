"""``manage.py make_seed``: the demonstration's people, trailers, deployments and list."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from csoc import seed


class Command(BaseCommand):
    """Builds the demonstration through the services, and tells the launcher what it made."""

    help = "Make or refresh the demonstration data (demo and test only); writes seed.json."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it. Errors: CommandError in production."""
        try:
            path = seed.make()
        except seed.NotHere as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"demonstration data ready: {path.name}")
