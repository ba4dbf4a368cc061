"""Acts of staff around an owner's link in a running console: ``python -m tests.browser.owners ask NUMBER``.

A process of its own, because a test's Django is set up for the tests' database. ``ask`` prepares an
application for that trailer and sends the link, ``stand`` lets it stand in place of what stood.
Prints its number.
"""

import sys

import django


def main(act: str, number: int) -> None:
    """Do it with the environment of the console."""
    django.setup()
    from accounts.models import User
    from csoc import seed
    from deployments.models import Deployment
    from tests.deployments.owners import ask, complete, draft
    from tests.scene import Scene
    from trailers.models import Trailer

    names = {"applicant", "supervisor", "technician"}
    users = {user.username: user for user in User.objects.filter(username__in=names)}
    trailer = Trailer.objects.select_related("agency", "unit").get(number=number)
    scene = Scene(users, trailer, None, None, None)  # type: ignore[arg-type]
    assert seed.PLANS
    if act == "ask":
        wanted = draft(scene)
        ask(scene, wanted)
    else:
        wanted = complete(scene, Deployment.objects.filter(trailer=trailer).latest("pk"))
    print(wanted.name)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
