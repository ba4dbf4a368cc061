"""Leaves: small modules that import no app."""
