"""What a figure depends on besides the code: the machine, the versions, the commit. No host name, user or path."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path


def machine() -> dict[str, str]:
    """Processor, cores that this process may use, memory, system, Python."""
    return {
        "processor": processor(),
        "cores": str(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "memory": f"{memory() / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def processor() -> str:
    """The processor's model, as its system calls it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory() -> int:
    """Bytes of physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def commit() -> str:
    """The commit that is checked out here, with `+` where files differ from it; "" outside a repository."""
    here = Path(__file__).parent
    try:
        head = git(here, "rev-parse", "HEAD")
        return head + (
            "+" if head and git(here, "status", "--porcelain", "--", str(here.parents[1])) else ""
        )
    except FileNotFoundError:  # git is not installed: an installed package needs none
        return ""


def git(folder: Path, *arguments: str) -> str:
    """What git prints; "" where it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def command_line(words: Sequence[str | Path]) -> str:
    """The command that makes a result, its paths cut to their last part."""
    return shlex.join(word.name if isinstance(word, Path) else word for word in words)
