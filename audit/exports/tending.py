"""What time does to exports: files are deleted, approvals lapse, and what a dead builder left goes.

Runs every half minute and is idempotent. A file past its time is refused at the door even if this never
runs (``policies.may_download``).
"""

from uuid import UUID

from audit.context import system
from audit.exports import folder, selectors, services
from audit.models import ExportRequest
from csoc.lib import clock

ACTOR = system("exports")


def tend() -> list[str]:
    """Delete what is due, sweep what died; return the names of requests that somebody should build."""
    now = clock.now()
    for request in selectors.due(now):
        # The file first: what a crash leaves is a row that still says so, and the next run records it.
        folder.remove(folder.finished(request.name))
        services.expire_export(actor=ACTOR, name=request.name)
    for request in selectors.overtaken(now):
        services.fail_export(actor=ACTOR, name=request.name, fault="details-due")
    selectors.dead(now).update(work=None)
    sweep()
    return [request.name for request in selectors.unbuilt(now)]


def sweep() -> list[str]:
    """Remove every file and folder that no row knows; return their names."""
    # The folder is read before the rows: a builder writes its row before it makes anything.
    lying = folder.everything()
    keep = set()
    known = ExportRequest.objects.filter(state__in=("building", "ready"))
    for request in known.only("year", "serial", "work"):
        keep.add(folder.finished(request.name))
        if isinstance(request.work, UUID):
            keep.add(folder.work(request.name, request.work))
    stray = [path for path in lying if path not in keep]
    for path in stray:
        folder.remove(path)
    return [path.name for path in stray]
