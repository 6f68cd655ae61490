"""Metrics: per question, never a mean; intervals are in `bootstrap.py`."""
