"""Every address of the console. Who may use each is on the route's guard or in tests/rooms."""

from django.conf import settings
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from csoc import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("accounts/", include("accounts.signin_urls")),
    path("", include("accounts.urls")),
    path("", include("audit.urls")),
    path("", include("vault.urls")),
    path("api/v1/", include("trailers.urls")),
    # Their words come before <TRL-nnnn>.
    path("", include("alerts.fleet_urls")),
    path("", include("trailers.routes_keys")),
    path("fleet/", include("trailers.fleet.urls")),
    path("", include("deployments.urls")),
    path("", include("alerts.urls")),
    path("", include("live.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
]
if settings.IS_DEMO:
    urlpatterns += [path("demo/", include("accounts.demo_urls")), path("demo/", include("alerts.demo_urls"))]
    urlpatterns += [path("demo/", include("deployments.demo_urls"))]

handler400 = "csoc.views.bad_request"
handler404 = "csoc.views.not_found"
handler500 = "csoc.views.server_error"
