"""The facts of the demonstration: the example matrix, invented places, an invented outline.

Made through the services by two supervisors, like at a service; running it again keeps what stands.
"""

from collections.abc import Mapping

from accounts.models import User
from accounts.services import acting
from deployments import matrices
from deployments.models import PlacesList, ServiceArea
from deployments.selectors import current_matrix
from deployments.services import facts

#: An invented outline around the demonstration's sites; no border of anything.
AREA = [
    [43.5150, -79.5900], [43.5350, -79.5200], [43.6300, -79.5050], [43.7450, -79.5500], [43.8050, -79.6500],
    [43.8150, -79.7800], [43.7500, -79.8450], [43.6500, -79.8150], [43.5750, -79.7500], [43.5150, -79.5900],
]  # fmt: skip
#: Invented names; the first eight lie within 500 m of a site of the demonstration.
PLACES = (
    ("school", "Willow Bend Public School", 43.6621, -79.6662),
    ("worship", "Lantern Street Gurdwara", 43.6573, -79.6712),
    ("clinic", "Derry Crossing Walk-in Clinic", 43.6600, -79.6648),
    ("school", "Goreway Meadows School", 43.7236, -79.6371),
    ("worship", "Saint Alder Church", 43.5748, -79.6611),
    ("care", "Heart Lake Residence", 43.7572, -79.7631),
    ("shelter", "Harbour House", 43.6052, -79.5921),
    ("clinic", "Bramalea Family Clinic", 43.7419, -79.6964),
    ("worship", "Maple Hollow Mosque", 43.6904, -79.7333),
    ("school", "École du Vieux-Moulin", 43.6411, -79.6902),
)


def make(users: Mapping[str, User]) -> None:
    """Make what is not there yet; ``users`` by role key, with ``supervisor`` and ``supervisor-2``."""
    proposer, publisher = users["supervisor"], users["supervisor-2"]
    agency = proposer.person.agency_id
    if current_matrix(agency) is None:
        _matrix(proposer, publisher)
    with acting(proposer):
        if not PlacesList.objects.filter(agency=agency).exists():
            rows = [dict(zip(("kind", "name", "lat", "lon"), place, strict=True)) for place in PLACES]
            facts.import_places(actor=proposer, source="Invented for the demonstration", rows=rows)
        if not ServiceArea.objects.filter(agency=agency).exists():
            facts.set_area(actor=proposer, ring=AREA)


def _matrix(proposer: User, publisher: User) -> None:
    with acting(proposer):
        proposed = facts.propose_matrix(actor=proposer, **matrices.example())
    with acting(publisher):
        facts.publish_matrix(actor=publisher, matrix_id=proposed.pk)
