"""The schema has no place for faces, voices or reads that hit nothing: a word walk over every name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module

import msgspec
from django.apps import apps
from rest_framework import serializers

from alerts.forbidden import is_forbidden_key
from tests.rooms.source import APPS, ROOT

#: Names that hold a listed word and mean something else, each reviewed.
REVIEWED = {
    "Person": "the table of staff",
    "accounts_person": "the table of staff",
    "recording": "says on every view that nothing is recorded: always false",
    "person": "a member of staff, never somebody in a picture",
}
#: What would be a place for reads that hit nothing, or for sound and pictures kept by themselves.
NEVER = ("non_hit", "nonhit", "plate_read", "bare_read", "sighting", "passage", "audio_stream", "footage")


def model_names() -> Iterator[str]:
    for model in apps.get_models():
        if model._meta.app_label in APPS:
            yield model._meta.object_name or ""
            yield model._meta.db_table
            yield from (field.name for field in model._meta.get_fields() if not field.auto_created)


def schema_names() -> Iterator[str]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if {"migrations", "commands"} & set(path.parts) or path.stem in ("demo_urls", "__init__"):
                continue
            module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for _name, kind in inspect.getmembers(module, inspect.isclass):
                if issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct:
                    yield from (field.encode_name for field in msgspec.structs.fields(kind))
                elif issubclass(kind, serializers.Serializer) and kind.__module__.startswith(APPS):
                    yield from kind._declared_fields


def test_no_name_is_on_the_refusal_list() -> None:
    names = {*model_names(), *schema_names()}
    assert len(names) > 150
    assert {name for name in names if is_forbidden_key(name)} - set(REVIEWED) == set()


def test_no_name_is_for_what_never_leaves_the_trailer() -> None:
    names = {name.lower() for name in (*model_names(), *schema_names())}
    assert [name for name in names if any(word in name for word in NEVER)] == []


def test_the_walk_would_see_one() -> None:
    for planted in (
        "face_vector",
        "faces",
        "voicePrint",
        "speaker_id",
        "biometric_hash",
        "person_height",
        "gait",
    ):
        assert is_forbidden_key(planted), planted
    for harmless in ("image_bytes", "surface", "message", "percentage"):
        assert not is_forbidden_key(harmless), harmless


def test_everybody_s_person_is_a_member_of_staff() -> None:
    person = apps.get_model("accounts", "Person")
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if field.name in REVIEWED and not field.auto_created:
                assert field.related_model is person, f"{model.__name__}.{field.name}"
