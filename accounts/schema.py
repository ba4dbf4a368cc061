"""How the API's description names our sign-in."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class PersonSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    """The session cookie of a fully signed-in person."""

    target_class = "accounts.api.PersonSession"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An API key in a cookie, in the words of OpenAPI 3."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
