"""Addresses of alerts and the live board."""

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from alerts import api, device_urls, list_api, list_pages, media_api, views
from alerts.handoff import api as handoff_api

urlpatterns = [
    path("live/", views.board, name="live"),
    path("alerts/<uuid:alert_id>/", views.alert_page, name="alert-page"),
    path("api/v1/live/snapshot/", api.Snapshot.as_view(), name="live-snapshot"),
    path("api/v1/live/shift/", api.StartShift.as_view(), name="live-shift"),
    *device_urls.urlpatterns,
    path("api/v1/alerts/<uuid:alert_id>/clip", csrf_exempt(media_api.ClipDoor.as_view()), name="device-clip"),
    path("api/v1/alerts/<uuid:alert_id>/crop", csrf_exempt(media_api.CropDoor.as_view()), name="device-crop"),
    path("api/v1/alerts/<uuid:alert_id>/clip/", media_api.Clip.as_view(), name="alert-clip"),
    path("api/v1/alerts/<uuid:alert_id>/crop/", media_api.Crop.as_view(), name="alert-crop"),
    path("api/v1/alerts/<uuid:alert_id>/acknowledge/", api.Acknowledge.as_view(), name="acknowledge"),
    path("api/v1/alerts/<uuid:alert_id>/hand-back/", api.HandBack.as_view(), name="hand-back"),
    path("api/v1/alerts/<uuid:alert_id>/close/", api.Close.as_view(), name="close"),
    path("api/v1/alerts/<uuid:alert_id>/verify-plate/", api.VerifyPlate.as_view(), name="verify-plate"),
    path("api/v1/alerts/<uuid:alert_id>/hand-off/", handoff_api.HandOffs.as_view(), name="hand-off"),
    path(
        "api/v1/alerts/<uuid:alert_id>/hand-off/preview/",
        handoff_api.Preview.as_view(),
        name="hand-off-preview",
    ),
    path(
        "api/v1/alerts/<uuid:alert_id>/hand-off/<uuid:receipt>/cap.xml",
        handoff_api.Document.as_view(form="cap.xml"),
        name="hand-off-cap",
    ),
    path(
        "api/v1/alerts/<uuid:alert_id>/hand-off/<uuid:receipt>/eido.json",
        handoff_api.Document.as_view(form="eido.json"),
        name="hand-off-eido",
    ),
    path("api/v1/alerts/<uuid:alert_id>/note/", api.Note.as_view(), name="note"),
    path("api/v1/alerts/<uuid:alert_id>/detail/", api.Detail.as_view(), name="alert-detail"),
    path("api/v1/alerts/<uuid:alert_id>/timeline/", api.Timeline.as_view(), name="alert-timeline"),
    path("api/v1/hotlist/", list_api.ListDownload.as_view(), name="device-hotlist"),
    path("hotlists/", list_pages.lists, name="hotlists"),
    path("hotlists/import/", list_pages.bring, name="hotlist-import"),
    path("hotlists/uploads/<uuid:upload_id>/", list_pages.decide, name="hotlist-decide"),
    path("hotlists/uploads/<uuid:upload_id>/approve/", list_pages.approve, name="hotlist-approve"),
    path("hotlists/uploads/<uuid:upload_id>/refuse/", list_pages.refuse, name="hotlist-refuse"),
    path("api/v1/hotlists/uploads/", list_api.Uploads.as_view(), name="hotlist-uploads"),
    path("api/v1/hotlists/uploads/<uuid:upload_id>/", list_api.Upload.as_view(), name="hotlist-upload"),
    path(
        "api/v1/hotlists/uploads/<uuid:upload_id>/finish/", list_api.Finish.as_view(), name="hotlist-finish"
    ),
    path(
        "api/v1/hotlists/uploads/<uuid:upload_id>/<int:number>/",
        list_api.Piece.as_view(),
        name="hotlist-piece",
    ),
]
