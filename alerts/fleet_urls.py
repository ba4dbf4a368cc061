"""The address of refusals, below the fleet's: it stands before every address that takes a trailer's name."""

from django.urls import path

from alerts import refusal_page

urlpatterns = [path("fleet/refusals/", refusal_page.refusals, name="refusals")]
