"""Remanence behind the interfaces of other frameworks: each module needs its framework, and nothing here loads any of them."""
