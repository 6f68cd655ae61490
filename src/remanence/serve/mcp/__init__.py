"""The MCP door: memory for agents and editors that speak the Model Context Protocol, over stdio or streamable HTTP.

`door.py` answers the protocol with the official SDK's low-level server. What it offers are the operations of `serve.ops` (`tools.py`), the
nine tools of the protocol's reference memory server over the same store (`graph.py`, `graph_tools.py`), resources and a prompt.
"""
