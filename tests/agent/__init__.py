"""The trailer agent, against the contract and against a small console that speaks it."""
