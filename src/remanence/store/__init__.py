"""The ledger: an append-only list of changes in one file, and the state that is derived from it."""
