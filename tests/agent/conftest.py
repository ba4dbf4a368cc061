"""A standing console (the web process alone) for what an agent does to a real one."""

from tests.contract.conftest import place, standing_place

__all__ = ["place", "standing_place"]
