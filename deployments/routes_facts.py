"""Addresses of what the service keeps: risk matrix, sensitive places, area."""

from django.urls import path

from deployments.pages import area, matrix, places

urlpatterns = [
    path("deployments/matrix/", matrix.matrix, name="matrix"),
    path("deployments/matrix/propose/", matrix.propose, name="matrix-propose"),
    path("deployments/matrix/file/", matrix.propose_file, name="matrix-file"),
    path("deployments/matrix/<int:version>/publish/", matrix.publish, name="matrix-publish"),
    path("deployments/matrix/<int:version>/withdraw/", matrix.withdraw, name="matrix-withdraw"),
    path("deployments/places/", places.places, name="places"),
    path("deployments/places/import/", places.import_places, name="places-import"),
    path("deployments/places/near/", places.places_near, name="places-near"),
    path("deployments/places/places.csv", places.places_file, name="places-file"),
    path("deployments/area/", area.area, name="area"),
    path("deployments/area/set/", area.set_area, name="area-set"),
    path("deployments/area/outline.geojson", area.area_file, name="area-file"),
]
