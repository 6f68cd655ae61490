"""The verbs, once: what a door may offer, whom it lets do what, how values and errors look as JSON.

`op.py` says what an operation is, `table.py` lists them, `wire.py` and `status.py` say how results and errors leave. The command line,
HTTP and MCP are thin over these.
"""
