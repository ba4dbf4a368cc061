"""Tables of the authorisation, from the incident to the end."""

from .consent import Capacity, Consent, ConsentRequest, Language, OwnerCode, OwnerMail
from .deployment import MAX_TERM, Deployment
from .facts import (
    HIGHEST_LEVEL,
    Incident,
    PlacesList,
    RiskAssessment,
    RiskMatrix,
    SensitivePlace,
    ServiceArea,
)
from .records import (
    Authorisation,
    Contribution,
    Decision,
    DeploymentGroupPermission,
    DeploymentUserPermission,
    Installation,
    InstallationCheck,
    Review,
    Submission,
    Tightening,
)

__all__ = [
    "HIGHEST_LEVEL",
    "MAX_TERM",
    "Authorisation",
    "Capacity",
    "Consent",
    "ConsentRequest",
    "Contribution",
    "Decision",
    "Deployment",
    "DeploymentGroupPermission",
    "DeploymentUserPermission",
    "Incident",
    "Installation",
    "InstallationCheck",
    "Language",
    "OwnerCode",
    "OwnerMail",
    "PlacesList",
    "Review",
    "RiskAssessment",
    "RiskMatrix",
    "SensitivePlace",
    "ServiceArea",
    "Submission",
    "Tightening",
]
