"""Doors that open from outside our code: what Django and django-allauth announce, each to one service."""

from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa.signals import authentication_failed, authenticator_used
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from accounts import selectors, services


@receiver(user_logged_in)
def signed_in(request: Any, user: Any, **kwargs: Any) -> None:
    services.record_sign_in(actor=user, request=request)


@receiver(user_logged_out)
def signed_out(request: Any, user: Any, **kwargs: Any) -> None:
    if user is not None and user.is_authenticated:
        services.record_sign_out(actor=user, request=request, code=getattr(request, "sign_out_code", None))


@receiver(user_login_failed)
def sign_in_failed(credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
    services.record_sign_in_failed(
        username=str(credentials.get("username", "")),
        code="bad-credentials",
        actor=selectors.anonymous_actor(request),
    )


@receiver(authenticator_used)
def second_factor_used(request: Any, user: Any, authenticator: Any, **kwargs: Any) -> None:
    services.record_second_factor_used(actor=user, request=request, kind=authenticator.type)


@receiver(authentication_failed)
def second_factor_failed(request: Any, user: Any, **kwargs: Any) -> None:
    services.record_second_factor_failed(actor=user, request=request)


@receiver(password_changed)
def password_was_changed(request: Any, user: Any, **kwargs: Any) -> None:
    services.record_password_change(actor=user, request=request)
