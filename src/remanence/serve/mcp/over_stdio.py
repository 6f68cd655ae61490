"""The door over standard input and output: one client, which started the process. Standard output carries the protocol and nothing else."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final, TextIO

import anyio
import anyio.to_thread
from mcp.server.stdio import stdio_server

from remanence.serve.mcp.door import Door
from remanence.serve.mcp.wording import mended_json

MOMENT: Final = 0.02
"""Seconds."""
QUIET: Final = 3
"""Moments without a call in hand after which all is answered."""

log: Final = logging.getLogger("remanence.mcp")


class _Lines(anyio.AsyncFile[str]):
    """Standard input by lines, each with the escapes of lone surrogates mended: the SDK would drop the whole request unanswered.

    It ends when what was asked is answered, for the SDK drops calls in hand when it does: `printf … | rmem mcp` gets its answers."""

    def __init__(self, file: TextIO, idle: Callable[[], bool]) -> None:
        super().__init__(file)
        self._idle = idle

    async def __aiter__(self) -> AsyncIterator[str]:
        async for line in super().__aiter__():
            yield mended_json(line)
        quiet = 0
        while (
            quiet < QUIET
        ):  # a call begins and its answer leaves a little before and after it is in hand
            await anyio.sleep(MOMENT)
            quiet = quiet + 1 if self._idle() else 0


def serve(door: Door, *, warm: Callable[[], None], close: Callable[[], None]) -> None:
    """Serve until standard input ends, or the process is told to. `warm` runs beside it from the start; `close` when it is over, after the
    calls in hand."""
    threading.Thread(target=_warmed, args=(warm,), daemon=True).start()
    anyio.run(_serve, door, close)
    close()


def _warmed(warm: Callable[[], None]) -> None:
    try:
        warm()
    except Exception as error:  # every call that needs it will say so
        log.warning("%s", error)


async def _serve(door: Door, close: Callable[[], None]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_until_told, close)
        # Not closed at the end: whoever owns the process's standard input does that.
        held = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
        try:
            server = door.server()
            async with stdio_server(stdin=_Lines(held, lambda: door.idle)) as (reading, writing):
                await server.run(reading, writing, server.create_initialization_options())
        finally:
            with suppress(ValueError):
                held.detach()
        tasks.cancel_scope.cancel()


async def _until_told(close: Callable[[], None]) -> None:
    # Windows has no such receiver; there the system ends the process.
    with (
        suppress(NotImplementedError),
        anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as told,
    ):
        async for _ in told:
            await anyio.to_thread.run_sync(close)
            # A thread waits for the next line of standard input, and nothing but that line would wake it.
            sys.stderr.flush()
            os._exit(0)
