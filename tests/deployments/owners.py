"""An owner in tests: a draft that may be asked about, the mail that would have come, and a phone."""

import re
from typing import Any

from django.core import mail
from django.test import Client

from accounts.services import acting
from csoc import seed
from csoc.lib import clock
from deployments import services
from deployments.models import ConsentRequest, Deployment
from deployments.owner import outbox
from deployments.services import asking
from tests.scene import Scene

OWNER = {"owner_name": "Demonstration Owner", "owner_email": "owner@example.org"}
_LINK = re.compile(r"/consent/([A-Za-z0-9_-]{43})/")
_CODE = re.compile(r"\b(\d{6})\b")


def draft(scene: Scene, *, without: tuple[str, ...] = ("consent",)) -> Deployment:
    """A draft of the applicant with every section but those of ``without``."""
    ines = scene.users["applicant"]
    plan = next(plan for plan in seed.PLANS if plan.number == scene.trailer.number)
    answers = seed.answers(plan, scene.trailer, clock.now())
    with acting(ines):
        made = services.create_deployment(actor=ines, trailer=scene.trailer, site=plan.label)
        return services.edit_sections(
            actor=ines, deployment_id=made.pk, version=made.version,
            sections={name: values for name, values in answers.items() if name not in without},
        )  # fmt: skip


def ask(scene: Scene, deployment: Deployment, **changes: Any) -> ConsentRequest:
    """Let the applicant send a link."""
    ines = scene.users["applicant"]
    values = {"capacity": "owner", "language": "en"} | OWNER | changes
    with acting(ines):
        return asking.request_consent(actor=ines, deployment_id=deployment.pk, **values)


def arrived() -> str:
    """Let the outbox send; the newest mail's text."""
    outbox.send_due(clock.now())
    return str(mail.outbox[-1].body)


def token_of(text: str) -> str:
    """The secret of the link in a mail."""
    found = _LINK.search(text)
    assert found is not None, text
    return found[1]


class Phone:
    """The owner's browser on one link."""

    def __init__(self, token: str) -> None:
        self.http = Client()
        self.token = token

    def get(self, page: str = "", **query: str) -> Any:
        """Open a page of the link."""
        return self.http.get(f"/consent/{self.token}/{page}", query)

    def post(self, page: str, **form: str) -> Any:
        """Press a button."""
        return self.http.post(f"/consent/{self.token}/{page}", form)

    def code(self) -> str:
        """Ask for a code, and read the mail."""
        assert self.post("send/").status_code == 303
        found = _CODE.search(arrived())
        assert found is not None
        return found[1]

    def prove(self) -> "Phone":
        """Give the code."""
        answer = self.post("check/", code=self.code())
        assert answer.status_code == 303 and answer["Location"].endswith("/page/"), answer
        return self


def phone(scene: Scene, deployment: Deployment, **changes: Any) -> Phone:
    """The phone of an owner who was just asked and has given the code."""
    ask(scene, deployment, **changes)
    return Phone(token_of(arrived())).prove()


def complete(scene: Scene, deployment: Deployment) -> Deployment:
    """Send the application, let it be authorised, set up and switched on, in place of what stands."""
    ines, omar, jo = (scene.users[name] for name in ("applicant", "supervisor", "technician"))
    for old in Deployment.objects.filter(trailer=scene.trailer, state="active"):
        with acting(omar):
            services.deactivate_deployment(actor=omar, deployment_id=old.pk, reason="need_ended")
    with acting(ines):
        sent = services.submit_deployment(
            actor=ines, deployment_id=deployment.pk, version=Deployment.objects.get(pk=deployment.pk).version
        )
    authorised = seed.authorise(sent, omar)
    seed.install(authorised, jo)
    with acting(jo):
        return services.activate_deployment(actor=jo, deployment_id=authorised.pk)
