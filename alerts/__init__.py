"""Alerts: intake, hotlists, acknowledgement, closing, and the live board."""
