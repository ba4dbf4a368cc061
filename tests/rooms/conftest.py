"""A standing console as tests/contract has one, for rules that show only from outside."""

from tests.contract.conftest import place, standing_place

__all__ = ["place", "standing_place"]
