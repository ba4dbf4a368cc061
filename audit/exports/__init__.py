"""Exports of the log: asked for, approved by a second person, built, sealed, witnessed, downloaded, deleted.

docs/audit-format.md says what is in the zip; every step is an entry of the log (H14).
"""
