"""Every error that Remanence raises on purpose, grouped by who erred.

    RemanenceError
    ├── UsageError              the caller: change the call
    │   ├── InvalidInput        a value is wrong          (also a ValueError)
    │   ├── NotFound            no such record            (also a KeyError)
    │   ├── Conflict            somebody else wrote first: read again, then retry
    │   ├── AccessDenied        this scope may not read or write that, or the key does not open it
    │   ├── BadImport           a file to import is malformed: has `path`, `line`
    │   └── MissingExtra        an optional package is absent (also an ImportError)
    ├── StoreError              the file or the disk
    │   ├── NotAStore           the file is something else
    │   ├── NewerSchema         written by a later version of Remanence
    │   ├── ReadOnly            no permission to write
    │   ├── StoreFull           no space left: this write was rolled back
    │   ├── StoreBusy           another process held the lock for too long
    │   └── Corrupt             the ledger or a page does not check out
    └── ModelError              an encoder or a chat model
        ├── ModelMissing        its files are not on this machine
        ├── EndpointError       it answered badly, late or not at all
        └── WrongDimension      its vectors do not fit the store's

A message has two halves: what went wrong (with the value), and, after the dash, how to mend it.
"""

from __future__ import annotations


class RemanenceError(Exception):
    """Base of all errors raised on purpose.

    `hint` says how to mend it and is part of `str(error)`; `code` is a stable name for machines.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} - {hint}" if hint else message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """The class's name, the same in every door: `"Conflict"`, `"NotFound"`, …"""
        return type(self).__name__

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])


class UsageError(RemanenceError):
    """The caller can mend this by calling differently."""


class InvalidInput(UsageError, ValueError):
    """A value that the call was given can't be used. Nothing was written."""


class NotFound(UsageError, KeyError):
    """No record of that id is visible in this scope at this moment."""


class Conflict(UsageError):
    """`expect=` did not match what is stored: somebody wrote in between. Nothing was written."""


class AccessDenied(UsageError):
    """The scope of the call may not read or write that record, or the key does not open the file."""


class BadImport(UsageError):
    """A file to import is malformed; `path` and `line` say where (line 0: the file as a whole)."""

    def __init__(self, message: str, *, path: str, line: int = 0, hint: str = "") -> None:
        where = f"{path}:{line}" if line else path
        super().__init__(f"{where}: {message}", hint=hint)
        self.path = path
        self.line = line


class MissingExtra(UsageError, ImportError):
    """An optional package is not installed; the hint has the pip line."""


class StoreError(RemanenceError):
    """The store's file, or the disk below it."""


class NotAStore(StoreError):
    """The file exists and is not a Remanence store. It was not touched."""


class NewerSchema(StoreError):
    """The store was written by a later version of Remanence. It was not touched."""


class ReadOnly(StoreError):
    """The store, or its folder, can't be written."""


class StoreFull(StoreError):
    """The disk is full: the write was rolled back whole."""


class StoreBusy(StoreError):
    """Another process held the write lock longer than the timeout: nothing was written."""


class Corrupt(StoreError):
    """The chain, a page or derived state does not check out; `rmem verify` lists what."""


class ModelError(RemanenceError):
    """An encoder or a chat model."""


class ModelMissing(ModelError):
    """The model's files are not on this machine; the hint says how to get them."""


class EndpointError(ModelError):
    """A model endpoint refused, timed out or answered something else than promised."""


class WrongDimension(ModelError, ValueError):
    """Vectors of one length were given where the store holds another."""
