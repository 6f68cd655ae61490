"""Other systems, each a standalone script that runs in an environment of its own and speaks `wire`."""
