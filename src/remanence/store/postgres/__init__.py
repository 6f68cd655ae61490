"""A ledger a tenant in a PostgreSQL database: the same SQL as in a file, with walls that the server keeps. Needs `remanence[postgres]`."""
