"""Under /demo/: mounted by csoc.urls only in demo and test."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from accounts import demo

if not settings.IS_DEMO:
    raise ImproperlyConfigured("The demonstration's sign-in cannot be mounted in production.")

urlpatterns = [path("sign-in/", demo.sign_in, name="demo-sign-in")]
