"""Template tags of deployments."""
