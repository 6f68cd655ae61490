"""Memory you can read: analysis, writers, indexes and reading of text."""
