"""The steps from one schema to the next, one file each; `store/schema.py` lists them. A released step is never edited."""
