"""Handing an alert to the service's CAD.

What is said (``facts``), in which form (``cap``, ``eido``), and how it gets there (``models``: the outbox,
``sending``: the worker, ``posting``: one POST to one pinned address).
"""
