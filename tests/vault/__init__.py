"""Sealed detail and its end."""
