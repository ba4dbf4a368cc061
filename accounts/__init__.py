"""Named people: who they are, what role they hold, how they sign in and how a right ends."""
