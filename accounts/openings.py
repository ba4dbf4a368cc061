"""The addresses that do not ask for a full sign-in, each with its reason. Everything else does."""

#: View names that anybody may open.
OPEN = {
    "account_login": "signing in begins here",
    "mfa_authenticate": "signing in goes on here; the stage in the session guards it",
    "account_logout": "leaving is never refused",
    "healthz": "supervisors and proxies ask whether the process lives; it tells nothing else",
    "readyz": "as healthz, for taking an alert",
    "schema": "the description of the interface, which holds no data and helps whoever writes a client",
    "owner-link": "the owner's private link: says nothing of anybody before the code",
    "owner-send": "as owner-link; sends the code to the address that the link went to",
    "owner-code": "as owner-link; asks for the code",
    "owner-check": "as owner-link; judges the code",
    "owner-page": "as owner-link; asks for the code's cookie itself",
    "owner-give": "as owner-page",
    "owner-decline": "as owner-page",
    "owner-withdraw": "as owner-page",
    "owner-progress": "as owner-page",
    "owner-agreed": "as owner-page",
    "owner-receipt": "as owner-page",
    "demo-sign-in": "exists in demonstrations and tests only; signs in as one of the cast",
}

#: Path prefixes whose views judge for themselves, so that this gate only checks a session if there is one.
OPEN_PREFIXES = {
    "/api/": "IsPerson is the default there (401 without a session), and device routes check a signature",
    "/internal/": "other processes of the console, which show a shared secret",
    "/gateway/": "the media gateway's own tokens, judged there",
    "/demo/": "exists in demonstrations and tests only",
    "/static/": "the console's own files, the same for everybody",
}

#: View names for somebody who is signed in but has no second factor, or an initial password, yet.
SET_UP = {
    "account_logout": "leaving is never refused",
    "mfa_activate_totp": "this is where the second factor is set up",
    "mfa_view_recovery_codes": "the codes belong to setting up; the view asks for a fresh factor",
    "mfa_download_recovery_codes": "the same codes as a file",
    "mfa_reauthenticate": "this is where an existing second factor is shown",
    "account_reauthenticate": "setting up asks for the password again after five minutes",
    "account_change_password": "this is where an initial password is replaced",
    "healthz": "as for everybody",
    "readyz": "as for everybody",
    "demo-sign-in": "as for everybody; replaces the session",
}
