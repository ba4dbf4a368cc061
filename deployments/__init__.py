"""Whether a trailer may stand somewhere at all: incident, risk, need, consent, authorisation, end."""
