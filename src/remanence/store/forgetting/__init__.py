"""Forgetting that can be checked: what goes together, erasing it, reading everything again, and the receipt."""
