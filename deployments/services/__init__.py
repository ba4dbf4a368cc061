"""What people do with deployments. Each function is one transaction and at least one audit entry."""

from .consenting import withdraw_consent
from .deciding import authorise_deployment, refuse_deployment, return_deployment
from .installing import (
    ask_for_test_alert,
    complete_installation,
    open_installation,
    record_failed_test,
    record_point,
    record_test_alert,
)
from .preparing import (
    create_deployment,
    edit_sections,
    keep_answers,
    reopen_deployment,
    submit_deployment,
    withdraw_application,
)
from .standing import (
    activate_deployment,
    deactivate_deployment,
    end_moved,
    renew_deployment,
    review_deployment,
    tighten_deployment,
)

__all__ = [
    "activate_deployment",
    "ask_for_test_alert",
    "authorise_deployment",
    "complete_installation",
    "create_deployment",
    "deactivate_deployment",
    "edit_sections",
    "end_moved",
    "keep_answers",
    "open_installation",
    "record_failed_test",
    "record_point",
    "record_test_alert",
    "refuse_deployment",
    "renew_deployment",
    "reopen_deployment",
    "return_deployment",
    "review_deployment",
    "submit_deployment",
    "tighten_deployment",
    "withdraw_application",
    "withdraw_consent",
]
