"""The page "Keys and witnesses": whom an outsider has to trust, and witnessing by file."""

from io import BytesIO
from typing import Any

import segno
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from segno import DataOverflowError

from audit import permissions, pruning, services
from audit.context import current_actor
from audit.entry import Ref
from audit.guard import guard
from audit.witnessing import presenting
from audit.witnessing import selectors as witness_selectors
from audit.witnessing.answers import MAX_ANSWER_BYTES
from csoc.lib.errors import Refused

#: What a form may be answered with beside its field; anything else is a refusal of the page.
BESIDE = (409, 422)


def _page_ref(request: Any, **kwargs: Any) -> Ref:
    return Ref("page", "witnesses", current_actor().agency or "")


def _witness_ref(request: Any, key_id: str) -> Ref:
    return Ref("witness", key_id)


def _file_ref(request: Any, file_id: int) -> Ref:
    return Ref("witness_request", str(file_id))


def _partition_ref(request: Any, partition: int) -> Ref:
    return pruning.ref(partition)


@require_safe
@never_cache
@guard("audit.view", object=_page_ref)
def witnesses_page(request: HttpRequest) -> HttpResponse:
    """Show the log's keys and each witness; ``?witness=`` opens one for witnessing by file."""
    permissions.require_reader(request.user)
    return _page(request, request.GET.get("witness", ""))


@require_POST
@never_cache
@guard("audit.witness_request", object=_witness_ref, acts=True)
def request_file(request: HttpRequest, key_id: str) -> HttpResponse:
    """Write a request; the page then offers it as a file and as a picture."""
    permissions.require_reader(request.user)
    try:
        services.request_cosignature(
            actor=request.user, witness=witness_selectors.witness(key_id), old=_size(request.POST.get("old"))
        )
    except Refused as refused:
        return _beside(request, key_id, "old", refused, request.POST.get("old", ""))
    return redirect(f"{reverse('audit-witnesses')}?witness={key_id}#by-file")


@require_POST
@never_cache
@guard("audit.witness_answer", object=_witness_ref, acts=True)
def hand_in(request: HttpRequest, key_id: str) -> HttpResponse:
    """Take a witness's answer, as a file or as pasted text."""
    permissions.require_reader(request.user)
    try:
        services.hand_in_cosignature(
            actor=request.user, witness=witness_selectors.witness(key_id), answer=_answer(request)
        )
    except Refused as refused:
        return _beside(request, key_id, "answer", refused, request.POST.get("answer", ""))
    return redirect(f"{reverse('audit-witnesses')}?witness={key_id}#by-file")


@require_safe
@never_cache
@guard("audit.download", object=_file_ref)
def download(request: HttpRequest, file_id: int) -> HttpResponse:
    """Hand out a request as a ``.request`` file."""
    permissions.require_reader(request.user)
    row, text = witness_selectors.request_text(file_id)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="audit-{row.size}.request"'
    return response


@require_safe
@never_cache
@guard("audit.download", object=_file_ref)
def picture(request: HttpRequest, file_id: int) -> HttpResponse:
    """Show a request as a QR code (SVG), for a witness whose machine has no way to ours."""
    permissions.require_reader(request.user)
    _row, text = witness_selectors.request_text(file_id)
    try:
        code = segno.make_qr(text, error="l")
    except DataOverflowError:
        sentence = _("This request is too long for a picture: use the file.")
        raise Refused("too-long", sentence, 422) from None
    drawn = BytesIO()
    code.save(drawn, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False)
    return HttpResponse(drawn.getvalue(), content_type="image/svg+xml")


@require_POST
@never_cache
@guard("approval.request", object=_partition_ref, acts=True)
def ask_pruning(request: HttpRequest, partition: int) -> HttpResponse:
    """Ask for a part of the log past its retention to go."""
    if services.ask_pruning(actor=request.user, partition=partition) is None:
        messages.error(request, _("This part of the log may not be pruned now: it is not all past 7 years."))
    return redirect(reverse("audit-witnesses"))


@require_POST
@never_cache
@guard("approval.grant", object=_partition_ref, acts=True)
def approve_pruning(request: HttpRequest, partition: int) -> HttpResponse:
    """Agree to it as the second person."""
    services.approve_pruning(actor=request.user, partition=partition)
    return redirect(reverse("audit-witnesses"))


def _size(text: str | None) -> int | None:
    """Return the size typed, None for an empty field. Errors: Refused 422."""
    text = (text or "").strip().replace(",", "").replace(" ", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refused("bad-size", _("Write the number of entries it named, for example 41203."), 422)
    return int(text)


def _answer(request: HttpRequest) -> str:
    """Return the answer from the file, or from the text field. Errors: Refused 422."""
    sent = request.FILES.get("file")
    if sent is None:
        text = request.POST.get("answer", "").replace("\r\n", "\n").strip()
        if not text:
            raise Refused("empty", _("Choose the file that came back, or paste its text."), 422)
        return text + "\n"
    if (sent.size or 0) > MAX_ANSWER_BYTES:
        raise Refused("too-big", _("The file is longer than 64 KiB: it is not an answer."), 422)
    try:
        return bytes(sent.read()).decode()
    except UnicodeDecodeError:
        raise Refused(
            "not-text", _("The file is not text: choose the one that ends in .cosignature."), 422
        ) from None


def _beside(request: HttpRequest, key_id: str, field: str, refused: Refused, typed: str) -> HttpResponse:
    """Show the page again with the refusal beside its field, and what was typed."""
    if refused.status not in BESIDE:
        raise refused
    errors = {"field": field, "sentence": refused.sentence, "typed": typed[:MAX_ANSWER_BYTES]}
    return _page(request, key_id, errors, refused.status)


def _page(
    request: HttpRequest, key_id: str, errors: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    page = presenting.page(key_id) | {"errors": errors}
    response = render(request, "audit/witnesses.html", page, status=status)
    response.audit_n = len(page["witnesses"])  # type: ignore[attr-defined]
    return response
