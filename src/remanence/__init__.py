"""Remanence: memory for language models and agents.

    from remanence import Memory

    with Memory.open("memory.db") as memory:
        memory.add("I moved to Lisbon in March", user_id="ana")
        print(memory.context("Where does Ana live?", user_id="ana").text)

Importing this package loads the standard library only; a name is loaded when it is first used.
"""

__version__ = "0.1.0"

# Written by `make gen`: below this line by the catalogue, above it by hand.

from typing import TYPE_CHECKING

from remanence.catalogue.lazy import attach

if TYPE_CHECKING:
    from remanence.errors import AccessDenied as AccessDenied
    from remanence.errors import BadImport as BadImport
    from remanence.errors import Conflict as Conflict
    from remanence.errors import Corrupt as Corrupt
    from remanence.errors import EndpointError as EndpointError
    from remanence.errors import InvalidInput as InvalidInput
    from remanence.errors import MissingExtra as MissingExtra
    from remanence.errors import ModelError as ModelError
    from remanence.errors import ModelMissing as ModelMissing
    from remanence.errors import NewerSchema as NewerSchema
    from remanence.errors import NotAStore as NotAStore
    from remanence.errors import NotFound as NotFound
    from remanence.errors import ReadOnly as ReadOnly
    from remanence.errors import RemanenceError as RemanenceError
    from remanence.errors import StoreBusy as StoreBusy
    from remanence.errors import StoreError as StoreError
    from remanence.errors import StoreFull as StoreFull
    from remanence.errors import UsageError as UsageError
    from remanence.errors import WrongDimension as WrongDimension
    from remanence.memory import Memory as Memory
    from remanence.memory_async import AsyncMemory as AsyncMemory
    from remanence.memory_bound import BoundMemory as BoundMemory
    from remanence.types import Ack as Ack
    from remanence.types import AckStatus as AckStatus
    from remanence.types import Add as Add
    from remanence.types import Change as Change
    from remanence.types import Check as Check
    from remanence.types import Context as Context
    from remanence.types import Event as Event
    from remanence.types import Forget as Forget
    from remanence.types import ForgetPlan as ForgetPlan
    from remanence.types import Hit as Hit
    from remanence.types import Hits as Hits
    from remanence.types import Link as Link
    from remanence.types import Mark as Mark
    from remanence.types import Micros as Micros
    from remanence.types import Query as Query
    from remanence.types import Receipt as Receipt
    from remanence.types import Record as Record
    from remanence.types import Retract as Retract
    from remanence.types import Revise as Revise
    from remanence.types import Role as Role
    from remanence.types import Scope as Scope
    from remanence.types import Slot as Slot
    from remanence.types import Source as Source
    from remanence.types import Touch as Touch
    from remanence.types import Undo as Undo
    from remanence.types import to_datetime as to_datetime
    from remanence.types import to_micros as to_micros
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "AccessDenied": "remanence.errors",
            "Ack": "remanence.types",
            "AckStatus": "remanence.types",
            "Add": "remanence.types",
            "AsyncMemory": "remanence.memory_async",
            "BadImport": "remanence.errors",
            "BoundMemory": "remanence.memory_bound",
            "Change": "remanence.types",
            "Check": "remanence.types",
            "Conflict": "remanence.errors",
            "Context": "remanence.types",
            "Corrupt": "remanence.errors",
            "EndpointError": "remanence.errors",
            "Event": "remanence.types",
            "Forget": "remanence.types",
            "ForgetPlan": "remanence.types",
            "Hit": "remanence.types",
            "Hits": "remanence.types",
            "InvalidInput": "remanence.errors",
            "Link": "remanence.types",
            "Mark": "remanence.types",
            "Memory": "remanence.memory",
            "Micros": "remanence.types",
            "MissingExtra": "remanence.errors",
            "ModelError": "remanence.errors",
            "ModelMissing": "remanence.errors",
            "NewerSchema": "remanence.errors",
            "NotAStore": "remanence.errors",
            "NotFound": "remanence.errors",
            "Query": "remanence.types",
            "ReadOnly": "remanence.errors",
            "Receipt": "remanence.types",
            "Record": "remanence.types",
            "RemanenceError": "remanence.errors",
            "Retract": "remanence.types",
            "Revise": "remanence.types",
            "Role": "remanence.types",
            "Scope": "remanence.types",
            "Slot": "remanence.types",
            "Source": "remanence.types",
            "StoreBusy": "remanence.errors",
            "StoreError": "remanence.errors",
            "StoreFull": "remanence.errors",
            "Touch": "remanence.types",
            "Undo": "remanence.types",
            "UsageError": "remanence.errors",
            "WrongDimension": "remanence.errors",
            "to_datetime": "remanence.types",
            "to_micros": "remanence.types",
        },
    )

__all__ = [
    "AccessDenied",
    "Ack",
    "AckStatus",
    "Add",
    "AsyncMemory",
    "BadImport",
    "BoundMemory",
    "Change",
    "Check",
    "Conflict",
    "Context",
    "Corrupt",
    "EndpointError",
    "Event",
    "Forget",
    "ForgetPlan",
    "Hit",
    "Hits",
    "InvalidInput",
    "Link",
    "Mark",
    "Memory",
    "Micros",
    "MissingExtra",
    "ModelError",
    "ModelMissing",
    "NewerSchema",
    "NotAStore",
    "NotFound",
    "Query",
    "ReadOnly",
    "Receipt",
    "Record",
    "RemanenceError",
    "Retract",
    "Revise",
    "Role",
    "Scope",
    "Slot",
    "Source",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "Touch",
    "Undo",
    "UsageError",
    "WrongDimension",
    "to_datetime",
    "to_micros",
]
