"""`python -m remanence.catalogue` writes what is generated; `--check` fails where it is stale or a rule is broken."""

from __future__ import annotations

import argparse
import sys

from remanence.catalogue.scan import CHECKOUT, PACKAGE, scan
from remanence.catalogue.write import files


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 all well, 1 stale files or broken rules, 2 not a source checkout."""
    parser = argparse.ArgumentParser(prog="python -m remanence.catalogue", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 where a file is stale"
    )
    check = parser.parse_args(argv).check
    if not (CHECKOUT / "pyproject.toml").exists():
        print("error: nothing to write outside a source checkout", file=sys.stderr)
        return 2
    found, wrong = scan()
    stale = []
    for path, text in files(found, PACKAGE).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(CHECKOUT).as_posix())
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for violation in wrong:
        print(violation, file=sys.stderr)
    for file in stale:
        print(f"{file}: stale - run `make gen`" if check else f"wrote {file}", file=sys.stderr)
    unmeasured = sum(not entry.measured for entry in found)
    print(f"{len(found)} mechanisms, {unmeasured} not yet measured")
    return int(bool(wrong) or (check and bool(stale)))


if __name__ == "__main__":
    sys.exit(main())
