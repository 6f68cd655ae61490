"""The application against its own description: whatever a client makes of it, what comes back is what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")
schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.config import SchemathesisConfig  # noqa: E402
from schemathesis.specs.openapi.checks import negative_data_rejection  # noqa: E402

from remanence.memory import Memory  # noqa: E402
from remanence.serve.http import Settings, TokenFile, create_app  # noqa: E402
from remanence.serve.ops.op import Right  # noqa: E402
from remanence.serve.ops.table import TABLE  # noqa: E402

BESIDE = (
    "import", "export", "health", "ready", "openapi", "metrics", "log_in", "log_out", "whoami",
)  # fmt: skip
"""What is described beside the operations."""
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            # A schema can't say all: dates, names of sleepers, either this or that.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "304", "401", "404", "403", "409", "412", "415", "422"]
            },
            "negative_data_rejection": {
                "expected-statuses": ["400", "401", "403", "404", "405", "409", "412", "415", "422"]
            },
        },
    }
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    folder = tmp_path_factory.mktemp("fuzz")
    with Memory.open(folder / "m.rmem", embedder="none") as memory:
        for number, text in enumerate(("I moved to Porto", "I live in Faro", "I like figs")):
            memory.add(text, id=f"m{number}", session_id="s")
    tokens = TokenFile(folder / "tokens.json")
    secret = tokens.make("fuzz", tuple(Right))[0]
    made = create_app(Settings(store=folder / "m.rmem", tokens=tokens, embedder="none"))
    made.state.secret = secret
    made.state.door.memories.warm()
    made.state.door.ready = True
    yield made
    made.state.door.memories.close()


@pytest.fixture(scope="module")
def api(app: Any) -> Any:
    async def always_up(scope: Any, receive: Any, send: Any) -> None:
        """The client starts and ends its application with every call: ours stays."""
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})

    return schemathesis.openapi.from_asgi("/v1/openapi.json", always_up, config=CONFIG)


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: Any, value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


NAMES = sorted({op.name for op in TABLE if op.route} | set(BESIDE))


def fuzz(app: Any, api: Any, name: str, mode: GenerationMode, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # what fails is printed whole: no need to look for less
        report_multiple_bugs=False,
        derandomize=True,
    )
    @given(case=api.find_operation_by_id(name).as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        # In a URL all is text, and nothing is not sent: what was wrong by the schema need not be so any more.
        unsure = [negative_data_rejection] if case.method == "GET" else []
        bearer = {"Authorization": f"Bearer {app.state.secret}"}
        case.call_and_validate(headers=bearer, excluded_checks=unsure)

    check()


def test_everything_that_is_described_is_fuzzed(app: Any) -> None:
    described = {
        one["operationId"] for path in app.openapi()["paths"].values() for one in path.values()
    }
    assert described - set(NAMES) == {"follow"}  # which is endless


CASES = [
    pytest.param(name, mode, id=f"{name}-{mode.value}")
    for name in NAMES
    for mode in GenerationMode
    # What takes nothing can't be called wrongly, and a wrong line of an import is told on its own.
    if mode is GenerationMode.POSITIVE
    or name not in ("health", "ready", "openapi", "log_out", "import")
]


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_every_answer_is_as_described(app: Any, api: Any, name: str, mode: GenerationMode) -> None:
    fuzz(app, api, name, mode, 4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_every_answer_is_as_described_at_length(
    app: Any, api: Any, name: str, mode: GenerationMode
) -> None:
    fuzz(app, api, name, mode, 200)
