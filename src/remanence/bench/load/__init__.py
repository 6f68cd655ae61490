"""The load benchmark: servers under many clients at once, and whether all that they acknowledged is there afterwards."""
