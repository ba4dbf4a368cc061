"""The addresses of the short way (csoc/handler.py, `DeviceHandler`); the same are in csoc/urls.py."""

from django.urls import include, path

urlpatterns = [path("", include("alerts.device_urls"))]

handler400 = "csoc.views.bad_request"
handler404 = "csoc.views.not_found"
handler500 = "csoc.views.server_error"
