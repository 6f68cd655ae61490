"""Much work at once: imports, re-embedding, sleep over many users; here, in several processes, or on Ray. The same code in each.

What is done is plain data (`task.py`) that one function performs, wherever it runs (`runner.py`, `cluster.py`). Every task may be done
twice: what it writes has ids or is a cache, so a worker that is killed costs time and nothing else.
"""
