# ruff: noqa: S608 - what is put into statements here are names and numbers of ours
"""What many processes and many servers share beside the ledgers: the queue of jobs, and which server has which tenant.

Neither holds content. A job says that a tenant has texts to encode or a person whose memory may sleep; a placement says on which server
a tenant's ledger is, where there are several.
"""

from __future__ import annotations

from typing import Final

WORKER: Final = "remanence_worker"
"""Whom a worker works as while it asks for jobs: it sees the jobs of all tenants, and of no tenant anything else."""
ALL: Final = "remanence.all"
"""The setting by which an owner without roles asks for the jobs of all tenants: by default he, too, sees one tenant's."""
SHARED: Final = ("jobs", "placements")


def second(schema: str, mine: str) -> list[str]:
    """Step 2: jobs, placements, and where a ledger lives that is no longer here. `mine`: the ledger that a transaction works for."""
    everyone = f"current_user = '{WORKER}'"
    return [
        # `moved`: the server that this ledger is on; NULL: here. `turn`: see `store.shards.move`. `queued`: the last event that the queue
        # knows of.
        f'ALTER TABLE {schema}.ledgers ADD moved TEXT COLLATE "C", ADD turn BIGINT NOT NULL DEFAULT 0, '
        "ADD queued BIGINT NOT NULL DEFAULT 0",
        f"CREATE TABLE {schema}.jobs (ledger BIGINT NOT NULL DEFAULT {mine} REFERENCES {schema}.ledgers ON DELETE CASCADE, "
        'kind TEXT COLLATE "C" NOT NULL, space BIGINT NOT NULL, tenant TEXT COLLATE "C" NOT NULL, fresh BIGINT NOT NULL, '
        "due TIMESTAMPTZ, attempts INT NOT NULL DEFAULT 0, worker TEXT NOT NULL DEFAULT '', until TIMESTAMPTZ, "
        "error TEXT NOT NULL DEFAULT '', PRIMARY KEY (ledger, kind, space)) WITH (fillfactor = 50)",
        f"CREATE INDEX jobs_due ON {schema}.jobs (due) WHERE due IS NOT NULL",
        f"CREATE INDEX jobs_held ON {schema}.jobs (worker) WHERE worker != ''",
        f"ALTER TABLE {schema}.jobs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY wall ON {schema}.jobs USING (ledger = {mine} OR {everyone}) WITH CHECK (ledger = {mine} OR {everyone})",
        f"CREATE POLICY owner ON {schema}.jobs TO CURRENT_USER USING (current_setting('{ALL}', true) = 'on')",
        f'CREATE TABLE {schema}.placements (tenant TEXT COLLATE "C" PRIMARY KEY, server TEXT COLLATE "C" NOT NULL, '
        # Set while a move is under way: from where, and where to.
        'source TEXT COLLATE "C", target TEXT COLLATE "C")',
        f"ALTER TABLE {schema}.placements ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY wall ON {schema}.placements USING (tenant = current_setting('remanence.tenant', true))",
        f"CREATE POLICY catalogue ON {schema}.placements TO CURRENT_USER USING (true)",
        # A ledger that lives elsewhere has no pulse here.
        f"CREATE OR REPLACE FUNCTION {schema}.pulse_of(which BIGINT) RETURNS BIGINT LANGUAGE plpgsql VOLATILE AS $$ BEGIN "
        "PERFORM pg_catalog.set_config('remanence.ledger', which::text, true); "
        f"RETURN (SELECT pulse FROM {schema}.ledgers WHERE id = which AND moved IS NULL); END $$",
    ]


def grants(schema: str, app: str, *, worker: bool) -> list[str]:
    """What each role may do with them. `worker`: whether there is such a role."""
    made = [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.{table} TO {app}" for table in SHARED
    ]
    if worker:
        made += [
            f"GRANT USAGE ON SCHEMA {schema} TO {WORKER}",
            f"GRANT SELECT, UPDATE, DELETE ON {schema}.jobs TO {WORKER}",
        ]
    return made
