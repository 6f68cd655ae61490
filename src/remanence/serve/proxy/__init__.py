"""The proxy: an OpenAI-compatible endpoint that stands between an app and its model and gives the app a memory.

`create_app` (in `app.py`) makes the ASGI application; `rmem proxy` runs it.
"""
