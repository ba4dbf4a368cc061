"""Addresses of deployments: one file of routes a part.

Fixed words come before ``<name>``: a deployment is never called "new" or "map".
"""

from deployments import (
    routes_api,
    routes_deciding,
    routes_facts,
    routes_installation,
    routes_owner,
    routes_pages,
)

urlpatterns = [
    *routes_api.urlpatterns,
    *routes_facts.urlpatterns,
    *routes_owner.urlpatterns,
    *routes_deciding.urlpatterns,
    *routes_installation.urlpatterns,
    *routes_pages.urlpatterns,
]
