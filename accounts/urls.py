"""Addresses of people: home, one's own account, and the administrator's access pages."""

from django.urls import path

from accounts import access, views

urlpatterns = [
    path("", views.home, name="home"),
    path("account/", views.account, name="account"),
    path("account/sessions/<int:session_id>/end/", views.end_session, name="account-session-end"),
    path("access/", access.people, name="access"),
    path("access/add/", access.add, name="access-add"),
    path("access/u-<int:number>/", access.person, name="access-person"),
    path("access/u-<int:number>/second-factor/", access.reset_second_factor, name="access-reset"),
    path("access/u-<int:number>/leave/", access.leave, name="access-leave"),
    path("access/u-<int:number>/reinstate/", access.reinstate, name="access-reinstate"),
]
