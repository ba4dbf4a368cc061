"""Under /demo/: mounted by csoc.urls only in demo and test."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from deployments import demo

if not settings.IS_DEMO:
    raise ImproperlyConfigured("The demonstration's mailbox cannot be mounted in production.")

urlpatterns = [path("mailbox/", demo.mailbox, name="demo-mailbox")]
