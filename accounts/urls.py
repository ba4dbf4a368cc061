"""Addresses of people: home, one's own account, and the administrator's access pages."""

from django.urls import path

from accounts import access, views
from accounts.break_glass import api as glass_api
from accounts.break_glass import views as glass_views

urlpatterns = [
    path("", views.home, name="home"),
    path("account/", views.account, name="account"),
    path("account/sessions/<int:session_id>/end/", views.end_session, name="account-session-end"),
    path("break-glass/", glass_views.glass_page, name="break-glass"),
    path("break-glass/open/", glass_views.open_glass, name="break-glass-open"),
    path("break-glass/<uuid:glass_id>/end/", glass_views.end_glass, name="break-glass-end"),
    path("api/v1/break-glass/", glass_api.BreakGlassList.as_view(), name="api-break-glass"),
    path(
        "api/v1/break-glass/<uuid:glass_id>/end/",
        glass_api.BreakGlassEnd.as_view(),
        name="api-break-glass-end",
    ),
    path("access/", access.people, name="access"),
    path("access/add/", access.add, name="access-add"),
    path("access/u-<int:number>/", access.person, name="access-person"),
    path("access/u-<int:number>/add-sign-in/", access.add_sign_in, name="access-add-sign-in"),
    path("access/u-<int:number>/sign-ins/<str:username>/roles/", access.set_roles, name="access-roles"),
    path(
        "access/u-<int:number>/sign-ins/<str:username>/second-factor/",
        access.reset_second_factor,
        name="access-reset",
    ),
    path("access/u-<int:number>/sign-ins/<str:username>/close/", access.close_sign_in, name="access-close"),
    path("access/u-<int:number>/sign-ins/<str:username>/open/", access.open_sign_in, name="access-open"),
    path("access/u-<int:number>/leave/", access.leave, name="access-leave"),
    path("access/u-<int:number>/reinstate/", access.reinstate, name="access-reinstate"),
]
