"""The property owner's page by private link: give consent, see what is on, withdraw, read the proof."""
