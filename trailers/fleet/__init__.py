"""The technician's pages: how every trailer is, and one trailer. Nothing of an alert is on them."""
