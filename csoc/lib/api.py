"""What every API door of ours shares with Django REST framework."""

from typing import Any

from django.http import RawPostDataException
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from csoc.lib import strictjson
from csoc.lib.errors import BadJson, Refused

MAX_BODY_BYTES = 16_384


def valid(kind: "type[Serializer[Any]]", request: Request) -> dict[str, Any]:
    """Return the values of a body. Errors: DRF's ValidationError, told as Refused ``schema`` (422)."""
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


class StrictJSONParser(BaseParser):
    """Parse people's request bodies as strictly as the trailers'.

    Errors: Refused ``too-large`` (413) over 16 kB, BadJson (400) otherwise; an empty body is ``{}``.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the parsed object; a body that is not an object is BadJson."""
        try:
            raw = stream.read(MAX_BODY_BYTES + 1)
        except RawPostDataException:
            raw = b""
        if len(raw) > MAX_BODY_BYTES:
            raise Refused("too-large", "The body is larger than 16 kB.", 413)
        if not raw.strip():
            return {}
        value = strictjson.loads(raw)
        if not isinstance(value, dict):
            raise BadJson("it is not an object")
        return value
