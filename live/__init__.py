"""Live view: sessions, single-use tokens, and the media gateway (live.gateway, a process of its own)."""
