"""Asking witnesses outside the service to sign, over HTTP and by file, and judging their answers."""
