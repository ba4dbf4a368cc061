"""Requests of an owner's private link, each on a link of its own, for the test with the log broken."""

from __future__ import annotations

from typing import Any

import audit
from deployments.models import ConsentRequest, OwnerCode, OwnerMail
from deployments.owner import links, proof
from deployments.services import answering
from tests.deployments.owners import ask, draft, token_of
from tests.rooms.log_standing import Standing
from vault import records

CODE = "246810"
GIVE = {"conditions": "", "language": "en"}


def link(
    standing: Standing, who: str, name: str, *, proven: bool = True, coded: bool = False, given: bool = False,
    withdrawn: bool = False,
) -> str:  # fmt: skip
    """The address of a fresh link; ``who`` holds its cookie when it is proven."""
    place = standing.place
    with place.inside():
        request = ask(place.scene, draft(place.scene), owner_name=name)
        mail = OwnerMail.objects.get(request=request)
        token = token_of(records.unseal_json(request.record, "mail", bytes(mail.sealed))["text"])
        owner = audit.Actor("owner", f"own-{request.pk}", agency=request.deployment.agency.code)
        told: dict[str, Any] = {"actor": owner, "request_id": request.pk}
        with audit.acting_as(owner):
            if coded:
                answering.send_code(**told, token=token, language="en")
                OwnerCode.objects.filter(request=request).update(code_hmac=links.code_hmac(token, CODE))
            if given or withdrawn:
                answering.give_consent(**told, **GIVE)
            if withdrawn:
                answering.withdraw_by_owner(**told, language="en")
        request = ConsentRequest.objects.get(pk=request.pk)
        value = proof._signer(request).sign(str(request.pk))
    path = f"/consent/{token}/"
    if proven:
        place.person(who).http.cookies.set("owner", value, domain="127.0.0.1", path=path)
    return path


def to_ask(standing: Standing, name: str, *, asked: bool = False) -> str:
    """The address of the applicant's acts on a draft that may be asked about, or was."""
    place = standing.place
    with place.inside():
        wanted = draft(place.scene)
        if asked:
            ask(place.scene, wanted, owner_name=name)
    return f"/deployments/{wanted.address_name}/consent/link/"
