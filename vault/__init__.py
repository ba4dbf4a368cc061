"""The vault: personal detail sealed under hourly keys, and the purge that destroys them (H10).

``seal`` and ``open`` are all that the rest of the code needs (``Sealer`` where one act seals much), plus
``register_purgeable`` for the app that keeps sealed rows. ``vault.records`` is for staff's own work that
outlives 48 h.
"""

from vault.epochs import EpochGone, Gone
from vault.objects import Sealer, open, seal
from vault.purgeables import register_purgeable

__all__ = ["EpochGone", "Gone", "Sealer", "open", "register_purgeable", "seal"]
