"""Applications for a supervisor of a running console: ``python -m tests.browser.deciders ACT NUMBER``.

A process of its own, because a test's Django is set up for the tests' database. ``waiting`` prepares one,
returns it and sends it again with changes; ``stale`` changes the one that waits once more; ``stand`` lets one
stand again. Prints its number.
"""

import sys
from typing import Any

import django

NEED = {"alternatives": "Patrols were doubled on 26 April, no effect yet; a fixed camera sees one door."}
NAMES = ("applicant", "supervisor", "technician")
SECTORS = [
    {"from_deg": 96, "to_deg": 138, "why": ""},
    {"from_deg": 301, "to_deg": 318, "why": "school windows"},
]


def main(act: str, number: int) -> None:
    """Do it with the environment of the console."""
    django.setup()
    from accounts.models import User
    from accounts.services import acting
    from csoc import seed
    from deployments import services
    from deployments.models import Deployment
    from tests.deployments.standing_people import returned, sent_again
    from trailers.models import Trailer

    users = {user.username: user for user in User.objects.filter(username__in=NAMES)}
    trailer = Trailer.objects.select_related("agency", "unit").get(number=number)
    plan = next(one for one in seed.PLANS if one.number == number)
    need: dict[str, Any] = dict(NEED)
    if act == "waiting":
        sent = seed.prepared(plan, trailer, users["applicant"])
        back = returned(users, sent, "Which patrols? And does the loudspeaker have to be on?")
        base = seed.answers(plan, trailer, sent.starts_at)["need"]["justifications"]
        need["justifications"] = {key: why for key, why in base.items() if key != "speaker"}
        again = sent_again(users, back, need=need, place={"forbidden_sectors": SECTORS})
    elif act == "stand":
        again = seed._deployment(plan, trailer, users)
    else:
        again = Deployment.objects.filter(trailer=trailer, state="submitted").latest("pk")
        with acting(users["applicant"]):
            back = services.reopen_deployment(
                actor=users["applicant"], deployment_id=again.pk, version=again.version
            )
        again = sent_again(users, back, privacy={"notice": "A letter and a meeting with the tenants."})
    print(again.name)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
