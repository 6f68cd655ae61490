"""Asking before something goes for good."""

from __future__ import annotations

import sys

import typer

from remanence.errors import InvalidInput


def can_ask() -> bool:
    """Whether there is a person at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def refuse_unasked(what: str) -> None:
    """Raises: InvalidInput where nobody can be asked; `what`: `forgetting`, `dropping a tenant`, …"""
    if not can_ask():
        raise InvalidInput(
            f"{what} asks first, and there is no terminal to ask at", hint="say --yes"
        )


def make_sure(question: str) -> None:
    """Ask on standard error; the default is no. Raises: typer.Abort."""
    typer.confirm(question, abort=True, err=True)
