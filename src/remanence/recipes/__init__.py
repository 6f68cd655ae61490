"""Whole systems as short compositions of mechanisms; `default` is ours."""
