"""`rmem completion`: the script that completes commands and options in a shell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from remanence.serve.shell import complete


class Shell(StrEnum):
    """The shells that there is a script for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def completion(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> int:
    """Print the script that completes rmem's commands and options. To set it up:

    bash: rmem completion bash >> ~/.bashrc

    zsh: rmem completion zsh >> ~/.zshrc (after compinit)

    fish: rmem completion fish > ~/.config/fish/completions/rmem.fish
    """
    return complete(shell)
