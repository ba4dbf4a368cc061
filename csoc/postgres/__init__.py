"""Our database backend (settings.DATABASES): Django's, with a pool that gets over a restart at once."""
