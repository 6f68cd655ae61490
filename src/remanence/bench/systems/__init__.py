"""Systems under measurement: ours, and the peers, each in a process of its own."""
