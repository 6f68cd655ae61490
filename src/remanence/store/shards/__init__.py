"""Many PostgreSQL servers as one store: each tenant's ledger is on one of them, and can be moved while it is in use."""
