"""Slots: how statements are read as them, what each is about, who holds one now, and where two holders contradict each other."""
