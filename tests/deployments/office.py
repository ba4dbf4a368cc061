"""An office that works on deployments: who there is, what an applicant answers, every act as one call.

``Office.do`` acts as a person and hands a refusal back as its answer. Anything else that a service raises
goes through: a service refuses, it never breaks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

import audit
from accounts.models import Agency, Person, Unit, User
from accounts.services import acting
from csoc import seed
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import services
from deployments.models import ConsentRequest, Deployment, Incident
from deployments.parts.ending import take_back
from deployments.selectors import section_digest
from deployments.services.answering import decline_consent, give_consent, withdraw_by_owner
from deployments.services.asking import request_consent
from deployments.services.sharing import share_deployment
from tests.accounts.people import add_user, second_sign_in
from tests.scene import Scene, standing
from trailers.models import Trailer

#: The trailer of the demonstration that nothing is deployed with.
FREE = 11
#: Under which name each of them acts. ``applicant-b`` is the applicant's other sign-in, as a supervisor;
#: ``helper`` may write and may decide, so four eyes have to look at what they wrote.
PEOPLE = ("applicant", "applicant-b", "applicant-2", "helper", "supervisor", "supervisor-2", "technician",
          "dispatcher", "stranger")  # fmt: skip


class Office:
    """The scene of ``number`` with more people, and a second trailer that stands in the depot."""

    def __init__(self, data_dir: Path, *, number: int = 7) -> None:
        self.scene: Scene = standing(data_dir, number=number)
        self.users: dict[str, User] = dict(self.scene.users)
        boss = self.users["administrator"]
        self.users["applicant-b"] = second_sign_in(
            boss, self.users["applicant"], "supervisor", username="applicant.b"
        ).user
        for name, roles in (("applicant-2", ["applicant"]), ("helper", ["applicant", "supervisor"])):
            self.users[name] = add_user(boss, name, *roles, name=f"Person {name}").user
        self.users["stranger"] = self._stranger()
        plan = plan_of(FREE)
        seed._trailer_row(plan, self.scene.users)
        self.trailers = {
            found.number: found
            for found in Trailer.objects.select_related("agency", "unit").filter(number__in=(number, FREE))
        }

    def _stranger(self) -> User:
        """A supervisor and applicant of another agency; no service of this one could make them."""
        agency = Agency.objects.create(code="OTHER", name="Other Service")
        unit = Unit.objects.create(agency=agency, code="CSOC", name="Their room")
        person = Person.objects.create(name="Somebody Else", badge="9", agency=agency, unit=unit)
        user = User.objects.create(username="stranger", person=person)
        user.groups.set(Group.objects.filter(name__in=("supervisor", "applicant")))
        return user

    # -- acts --------------------------------------------------------------------------------------

    def do(self, who: str, service: Callable[..., Any], **values: Any) -> Any:
        """``service`` as this person; a refusal is the answer."""
        user = self.users[who]
        try:
            with acting(user):
                return service(actor=user, **values)
        except Refused as refused:
            return refused

    def share(self, row: Deployment, whom: str, act: str = "change", who: str = "applicant") -> Any:
        """Let this person write (or view) it too."""
        return self.do(who, share_deployment, deployment_id=row.pk, person=self.users[whom].person, act=act)

    def create(self, who: str = "applicant", number: int = FREE) -> Any:
        """Begin a draft."""
        return self.do(who, services.create_deployment, trailer=self.trailers[number], site="Depot")

    def edit(self, who: str, row: Deployment, sections: dict[str, Any], **seen: Any) -> Any:
        """Save sections on the version that was seen."""
        seen = seen or {"version": row.version}
        return self.do(who, services.edit_sections, deployment_id=row.pk, sections=sections, **seen)

    def fill(self, who: str, row: Deployment, **term: Any) -> Any:
        """Answer everything."""
        return self.edit(who, row, answers(row, **term))

    def keep(self, who: str, row: Deployment, section: str, base: str | None = None) -> Any:
        """Type without saving."""
        return self.do(
            who, services.keep_answers, deployment_id=row.pk, section=section, typed={"aim": "half a sen"},
            base=base if base is not None else section_digest(row, section),
        )  # fmt: skip

    def submit(self, who: str, row: Deployment, **changes: Any) -> Any:
        """Send it."""
        asked = {"version": row.version, **changes}
        return self.do(who, services.submit_deployment, deployment_id=row.pk, **asked)

    def decide(self, who: str, row: Deployment, verdict: str = "authorise", **changes: Any) -> Any:
        """Authorise, refuse or return exactly what ``row`` holds, unless ``changes`` say otherwise."""
        service = {
            "authorise": services.authorise_deployment,
            "refuse": services.refuse_deployment,
            "return": services.return_deployment,
        }[verdict]
        asked = {"version": row.version, "content_hash": row.content_hash, "words": "Read and weighed."}
        return self.do(who, service, deployment_id=row.pk, **(asked | changes))

    def reopen(self, who: str, row: Deployment) -> Any:
        """Take it back to edit it."""
        return self.do(who, services.reopen_deployment, deployment_id=row.pk, version=row.version)

    def withdraw(self, who: str, row: Deployment) -> Any:
        """Give the application up."""
        return self.do(who, services.withdraw_application, deployment_id=row.pk, version=row.version)

    def install(self, row: Deployment) -> Any:
        """Go through the checklist."""
        return self._judged(lambda: seed.install(fresh(row), self.users["technician"]))

    def activate(self, who: str, row: Deployment) -> Any:
        """Switch it on."""
        return self.do(who, services.activate_deployment, deployment_id=row.pk)

    def tighten(self, who: str, row: Deployment, changes: dict[str, Any]) -> Any:
        """Narrow it."""
        return self.do(who, services.tighten_deployment, deployment_id=row.pk, changes=changes)

    def review(self, who: str, row: Deployment, still_needed: bool) -> Any:
        """Say whether it is still needed."""
        return self.do(
            who, services.review_deployment, deployment_id=row.pk, still_needed=still_needed, words="Looked."
        )

    def renew(self, who: str, row: Deployment) -> Any:
        """Begin the next term."""
        return self.do(who, services.renew_deployment, deployment_id=row.pk)

    def end(self, who: str, row: Deployment, reason: str = "need_ended") -> Any:
        """One press."""
        return self.do(who, services.deactivate_deployment, deployment_id=row.pk, reason=reason)

    def withdraw_consent(self, who: str, row: Deployment) -> Any:
        """The owner told this person to stop."""
        return self.do(who, services.withdraw_consent, consent_id=row.consent_id or 0)

    def owner_withdraws(self, row: Deployment) -> Any:
        """The owner does it: by the link that was answered, else as the link would."""
        assert row.consent is not None
        link = ConsentRequest.objects.filter(consent=row.consent).first()
        if link is not None:
            return self.owner(withdraw_by_owner, link, language="en")
        with transaction.atomic(), audit.acting_as(audit.Actor("owner", "own-0")) as owner:
            return take_back(row.consent, actor=owner)

    def ask_owner(self, who: str, row: Deployment) -> Any:
        """Send the private link."""
        return self.do(
            who, request_consent, deployment_id=row.pk, capacity="owner", owner_name="Robin Vale",
            owner_email="owner@example.org", language="en",
        )  # fmt: skip

    def owner_answers(self, row: Deployment, yes: bool) -> Any:
        """The owner answers the newest link; None when none was ever sent."""
        link = row.consent_requests.order_by("-pk").first()
        if link is None:
            return None
        if yes:
            return self.owner(give_consent, link, conditions="", language="en")
        return self.owner(decline_consent, link)

    def owner(self, service: Callable[..., Any], link: ConsentRequest, **values: Any) -> Any:
        """``service`` as whoever holds the link."""
        actor = audit.Actor("owner", f"own-{link.pk}")
        with audit.acting_as(actor):
            return self._judged(lambda: service(actor=actor, request_id=link.pk, **values))

    def _judged(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Refused as refused:
            return refused

    # -- whole ways --------------------------------------------------------------------------------

    def submitted(self, number: int = FREE, **term: Any) -> Deployment:
        """One that waits for a decision."""
        row = done(self.fill("applicant", done(self.create(number=number)), **term))
        return done(self.submit("applicant", row))

    def authorised(self, number: int = FREE, **term: Any) -> Deployment:
        """One that a supervisor said yes to."""
        return done(self.decide("supervisor", self.submitted(number, **term)))

    def active(self, number: int = FREE, **term: Any) -> Deployment:
        """One under which its trailer senses."""
        row = self.authorised(number, **term)
        done(self.install(row))
        return done(self.activate("technician", row))

    def renewal(self, before: Deployment, **term: Any) -> Deployment:
        """The next term of ``before``, submitted."""
        row = done(self.fill("applicant", done(self.renew("applicant", before)), **term))
        return done(self.submit("applicant", row))

    def clear(self, number: int = FREE) -> None:
        """End whatever is authorised or active with this trailer."""
        taken = Deployment.objects.filter(trailer=self.trailers[number], state__in=("authorised", "active"))
        for row in taken:
            done(self.end("supervisor", row))


def done(answer: Any) -> Any:
    """An answer that must not be a refusal."""
    assert not isinstance(answer, Refused), answer
    return answer


def code(answer: Any) -> str:
    """A refusal's code, or ``done``."""
    return answer.code if isinstance(answer, Refused) else "done"


def fresh(row: Deployment) -> Deployment:
    """The row as it stands."""
    return Deployment.objects.select_related("consent", "trailer", "incident", "risk").get(pk=row.pk)


def plan_of(number: int) -> seed.Plan:
    """The demonstration's plan for this trailer."""
    return next(plan for plan in seed.PLANS if plan.number == number)


def answers(
    row: Deployment, *, starts_at: datetime | None = None, term: timedelta = timedelta(days=13)
) -> dict[str, dict[str, Any]]:
    """What an applicant answers, typed, by section; the incident stays the one that is there."""
    plan = plan_of(row.trailer.number)
    made = seed.answers(plan, row.trailer, starts_at or clock.now(), term)
    made["incident"] |= incident_of(row)
    return made


def incident_of(row: Deployment) -> dict[str, Any]:
    """The incident of the row, or one that nobody has reported yet."""
    if row.incident_id is None:
        return {"cad": f"P26-{Incident.objects.count() + 1:05d}"}
    incident = Incident.objects.get(pk=row.incident_id)
    return {name: getattr(incident, name) for name in ("cad", "kind", "place", "reported_at")}
