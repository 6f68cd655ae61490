"""Doors to memory: the command line, and what reads other people's exports for it. Importing this loads nothing."""
