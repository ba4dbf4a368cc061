"""Pages of the plate lists: which version is in force, how old it is, bringing one in, deciding on one."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

import audit
from accounts.models import Role
from accounts.selectors import has_role
from alerts import list_figures, policies, services
from alerts.importing import uploads
from alerts.list_forms import ImportForm, RefusalForm
from alerts.models import HotlistUpload
from csoc.lib import clock
from csoc.lib.errors import Refused


def _page_ref(request: HttpRequest, **kwargs: Any) -> audit.Ref:
    return audit.Ref("hotlist", "all", request.user.person.agency.code)


def _upload_ref(request: HttpRequest, upload_id: UUID) -> audit.Ref:
    agency = request.user.person.agency
    named = HotlistUpload.objects.filter(pk=upload_id, agency=agency).values_list("list_id", flat=True)
    return audit.Ref("hotlist", named.first() or "none", agency.code)


@require_GET
@never_cache
@audit.guard("hotlist.view", object=_page_ref)
def lists(request: HttpRequest) -> HttpResponse:
    """Show the agency's lists, what waits, and the versions before."""
    policies.may_see_lists(request.user)
    now = clock.now()
    shown = {"lists": list_figures.lists_of(request.user, now), **list_figures.uploads_of(request.user, now)}
    return render(
        request,
        "alerts/lists.html",
        {**shown, "brings": has_role(request.user, Role.SUPERVISOR), "refusals": list_figures.REFUSAL_WORDS},
    )


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("hotlist.import", object=_page_ref, acts=True, shows="hotlist.view")
def bring(request: HttpRequest) -> HttpResponse:
    """Take a small file in one post; the page's script sends larger ones in pieces."""
    policies.may_import(request.user)
    if request.method != "POST":
        return _bring_page(request, ImportForm())
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _bring_page(request, form, status=422)
    file, manifest = form.cleaned_data["file"], form.cleaned_data["manifest"]
    try:
        services.import_hotlist(actor=request.user, manifest_bytes=manifest.read(), source=file.chunks)
    except Refused as refused:
        form.add_error(None, refused.sentence)
        return _bring_page(request, form, status=refused.status, lines=refused.extra.get("lines"))
    return redirect("hotlists")


def _bring_page(request: HttpRequest, form: ImportForm, *, status: int = 200, **told: Any) -> HttpResponse:
    shown = {"form": form, "chunk_bytes": uploads.CHUNK_BYTES, "categories": list_figures.CATEGORY_WORDS}
    return render(request, "alerts/list_import.html", {**shown, **told}, status=status)


@require_GET
@never_cache
@audit.guard("hotlist.view", object=_upload_ref)
def decide(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Show the figures of a version that waits for a second person."""
    policies.may_import(request.user)
    return _decide_page(request, upload_id, RefusalForm())


@require_POST
@never_cache
@audit.guard("hotlist.approve", object=_upload_ref, acts=True)
def approve(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Let it through, on the figures that were shown."""
    seen = request.POST.get("before", "")
    before = int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 10 else -1
    services.approve_upload(actor=request.user, upload_id=upload_id, before=before)
    return redirect("hotlists")


@require_POST
@never_cache
@audit.guard("hotlist.refuse", object=_upload_ref, acts=True)
def refuse(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Refuse it with a reason, or take one's own back."""
    code, words = request.POST.get("code", ""), request.POST.get("words", "")
    try:
        services.refuse_upload(actor=request.user, upload_id=upload_id, code=code, words=words)
    except Refused as refused:
        if refused.code != "reason-missing":
            raise
        form = RefusalForm(request.POST)
        form.add_error(refused.extra["field"], refused.sentence)
        return _decide_page(request, upload_id, form, status=422)
    return redirect("hotlists")


def _decide_page(
    request: HttpRequest, upload_id: UUID, form: RefusalForm, *, status: int = 200
) -> HttpResponse:
    upload = uploads.get(request.user.person.agency_id, upload_id)
    own = upload.started_by_id == request.user.person_id
    open_now = upload.state == HotlistUpload.State.WAITING and upload.expires_at > clock.now()
    shown = {"upload": upload, "own": own, "open": open_now, "form": form, **list_figures.change_of(upload)}
    return render(request, "alerts/list_decide.html", shown, status=status)
