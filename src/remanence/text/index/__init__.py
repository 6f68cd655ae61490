"""Indexes in memory that follow the ledger: one space, as one moment saw it."""
