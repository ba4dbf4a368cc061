"""What people do to people, and what signing in writes down. One verb, one transaction, one entry."""

from accounts.rights import Issued
from accounts.services.break_glass import break_glass, end_break_glass
from accounts.services.people import (
    create_agency,
    create_person,
    create_unit,
    create_user,
    leave_staff,
    reinstate,
)
from accounts.services.sign_ins import (
    add_sign_in,
    close_sign_in,
    open_sign_in,
    reset_second_factor,
    set_roles,
)
from accounts.services.signing_in import (
    acting,
    end_session,
    record_password_change,
    record_second_factor_failed,
    record_second_factor_set,
    record_second_factor_used,
    record_sign_in,
    record_sign_in_failed,
    record_sign_out,
)

__all__ = [
    "Issued",
    "acting",
    "add_sign_in",
    "break_glass",
    "close_sign_in",
    "create_agency",
    "create_person",
    "create_unit",
    "create_user",
    "end_break_glass",
    "end_session",
    "leave_staff",
    "open_sign_in",
    "record_password_change",
    "record_second_factor_failed",
    "record_second_factor_set",
    "record_second_factor_used",
    "record_sign_in",
    "record_sign_in_failed",
    "record_sign_out",
    "reinstate",
    "reset_second_factor",
    "set_roles",
]
