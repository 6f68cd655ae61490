"""Tasks: benchmarks read from their official files into one shape (`base.py`)."""
