"""For `make site`: links that leave the folder of the documentation become the names of the files, which the site has not got."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(((?:\.\./)+[^)\s#]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page's text before it is rendered (a hook of MkDocs)."""
    folder = PurePosixPath(page.file.src_uri).parent

    def plain(match: re.Match[str]) -> str:
        depth = len(folder.parts)
        if match[2].count("../") <= depth:
            return match[0]
        path = match[2].replace("../", "")
        return match[1] if path in match[1] else f"{match[1]} (`{path}`)"

    return _LINK.sub(plain, markdown)
