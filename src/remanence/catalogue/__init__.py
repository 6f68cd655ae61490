"""How mechanisms declare themselves, and the catalogue that is generated from what they say."""
