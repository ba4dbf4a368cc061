"""Teaches drf-spectacular the structs that define our wire forms, and how a trailer signs.

The structs are the only definition: what a door validates or answers is what the schema says.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from csoc.lib.wire import Problem

REF = "#/components/schemas/{name}"


class StructSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """A msgspec struct as a component, its nested structs beside it."""

    target_class = "msgspec.Struct"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Any) -> str:
        """The struct's own name."""
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        """The struct's JSON schema."""
        _refs, components = msgspec.json.schema_components([self.target], ref_template=REF)
        own: dict[str, Any] = components.pop(self.target.__name__)
        structs = {struct.__name__: struct for struct in _structs_in(msgspec.inspect.type_info(self.target))}
        for name, schema in components.items():
            part = ResolvedComponent(
                name=name, type=ResolvedComponent.SCHEMA, object=structs[name], schema=schema
            )
            auto_schema.registry.register_on_missing(part)
        return own


class StructListSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """An array of a struct, the struct beside it."""

    target_class = "csoc.lib.wire.StructList"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Any) -> str:
        """The name that ``list_of`` gave."""
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        """An array of references."""
        item = auto_schema.resolve_serializer(self.target.item, direction)
        return {"type": "array", "items": item.ref}


def _structs_in(info: Any) -> Iterator[type]:
    """Every struct class that a type is made of."""
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
        for field in info.fields:
            yield from _structs_in(field.type)
    for inner in (getattr(info, "item_type", None), *getattr(info, "types", ())):
        if inner is not None:
            yield from _structs_in(inner)


class DeviceSignatureScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """RFC 9421 signature of a trailer."""

    target_class = "trailers.doors.DeviceSignature"
    match_subclasses = True
    name = "trailerSignature"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """OpenAPI knows no message signatures; the header that carries it stands for it."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Signature",
            "description": "RFC 9421, Ed25519, label sig1, tag csrp-device-v1, with Content-Digest.",
        }


class PersonSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The session cookie of a fully signed-in person."""

    target_class = "accounts.api.PersonSession"
    name = "personSession"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Cookie, with the CSRF token on every act."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def with_refusals(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Say of every operation what every operation does: a refusal is a problem document (RFC 9457)."""
    _refs, components = msgspec.json.schema_components([Problem], ref_template=REF)
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in components.items():
        schemas.setdefault(name, schema)
    content = {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}}
    for item in result["paths"].values():
        for operation in item.values():
            for status, text in (
                ("4XX", "Refused; `type` names why."),
                ("5XX", "Not now; nothing was done."),
            ):
                operation["responses"].setdefault(status, {"description": text, "content": content})
    return result
