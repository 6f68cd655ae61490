"""The application in this process: answers, errors, tags, pages, limits, rights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remanence.memory import Memory
from remanence.serve.http import Settings
from remanence.serve.http.door import Rates
from remanence.serve.ops.op import Right

from .conftest import NDJSON, Client, add, client_of, error

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")
IDS = ["a/b", "..", ".", "%2F", "a b", "ünïcode-名", "a?b#c", "history", "x/history", "a%b", "+"]


def escaped(id: str) -> str:
    """As an id has to be in a path: every byte that could mean something else is escaped, dots too."""
    return "".join(f"%{byte:02X}" for byte in id.encode())


@pytest.mark.parametrize("id", IDS)
def test_any_id_can_be_in_a_path(standing: Client, id: str) -> None:
    add(standing, "I moved to Porto", id=id)
    path = f"/v1/memories/{escaped(id)}"
    assert standing.get(path).json()["id"] == id
    assert standing.patch(path, json={"text": "I moved to Faro"}).json()["version"] == 2
    assert [one["text"] for one in standing.get(f"{path}/history").json()["items"]] == [
        "I moved to Porto",
        "I moved to Faro",
    ]


def test_answers_are_those_of_the_verbs(owner: Client, settings: Settings) -> None:
    add(
        owner,
        {"role": "user", "name": "Ana", "content": "I moved to Porto"},
        id="m1",
        at="2025-03-01",
    )
    found = owner.post("/v1/search", json={"query": "Porto"}).json()
    assert [hit["record"]["id"] for hit in found["items"]] == ["m1"]
    assert found["withheld"] == []
    packed = owner.post("/v1/context", json={"query": "Porto", "budget": 100}).json()
    assert "I moved to Porto" in packed["text"]
    listed = owner.get("/v1/memories", params={"filters": json.dumps({"speaker": "Ana"})}).json()
    assert [one["id"] for one in listed["items"]] == ["m1"]
    assert owner.get("/v1/memories", params={"filters": json.dumps({"speaker": "Bo"})}).json() == {
        "items": []
    }
    kinds = owner.get("/v1/memories?kinds=fact&kinds=episode").json()["items"]
    assert {one["kind"] for one in kinds} <= {"fact", "episode"}
    events = owner.get("/v1/events").json()["items"]
    assert {one["actor"] for one in events} == {"http/all"}
    receipt = owner.post("/v1/forget", json={"ids": "m1"}).json()
    assert receipt["ids"][0] == "m1"
    assert all(found == 0 for _, _, found, _ in receipt["checks"])
    error(owner.get("/v1/memories/m1"), 404, "NotFound")


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (("POST", "/v1/search", {"query": 3}), 422, "InvalidInput"),
        (("POST", "/v1/search", {"query": "x", "nope": 1}), 422, "InvalidInput"),
        (("POST", "/v1/search", {}), 422, "InvalidInput"),
        (("POST", "/v1/search", [1]), 422, "InvalidInput"),
        (("POST", "/v1/search?query=x", {"query": "x"}), 422, "InvalidInput"),
        (("GET", "/v1/memories?limit=x", None), 422, "InvalidInput"),
        (("GET", "/v1/memories?limit=1&limit=2", None), 422, "InvalidInput"),
        (("GET", "/v1/memories?filters=nope", None), 422, "InvalidInput"),
        (("GET", "/v1/memories?nope=1", None), 422, "InvalidInput"),
        (("GET", "/v1/memories/nope", None), 404, "NotFound"),
        (("GET", "/v1/memories/%ff", None), 422, "InvalidInput"),
        (("GET", "/v1/memories/a%1fb", None), 422, "InvalidInput"),
        (("GET", "/v1/nope", None), 404, "NotFound"),
        (("GET", "/nope", None), 404, "NotFound"),
        (("GET", "/v1/memories/", None), 404, "NotFound"),
        (("PUT", "/v1/memories", {}), 405, "MethodNotAllowed"),
        (("POST", "/v1/undo", {"what": "nope"}), 404, "NotFound"),
        (("POST", "/v1/forget", {}), 422, "InvalidInput"),
        (("PATCH", "/v1/memories/nope", {"text": "x"}), 404, "NotFound"),
    ],
)
def test_errors_have_one_shape(standing: Client, call: Any, status: int, code: str) -> None:
    method, path, body = call
    told = error(standing.request(method, path, json=body), status, code)
    assert told["message"]


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"query":"\\ud800"}', b'"' + b"[" * 100_000, b"[" * 100_000]
)
def test_what_is_no_json_is_said_to_be(standing: Client, body: bytes) -> None:
    answer = standing.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
    error(answer, 422, "InvalidInput")


def test_a_body_has_to_say_that_it_is_json(standing: Client) -> None:
    answer = standing.post(
        "/v1/search", content=b'{"query":"x"}', headers={"Content-Type": "text/plain"}
    )
    error(answer, 415, "InvalidInput")


def test_a_lone_surrogate_in_memory_can_be_read(owner: Client, settings: Settings) -> None:
    with Memory.open(settings.store, embedder="none") as memory:
        memory.add("half \ud83d of it", id="s")
    assert owner.get("/v1/memories/s").json()["text"] == "half \ud83d of it"


def test_405_says_all_that_is_allowed(standing: Client) -> None:
    assert standing.put("/v1/memories").headers["allow"] == "GET, POST"


def test_errors_of_the_store_tell_no_paths(
    owner: Client, settings: Settings, tmp_path: Path
) -> None:
    add(owner, "x", id="x")
    file = Path(settings.store)
    file.rename(tmp_path / "elsewhere.rmem")
    answer = owner.post("/v1/memories", json={"content": "y"})
    assert answer.status_code >= 500
    assert str(tmp_path) not in answer.text
    assert "Traceback" not in answer.text


def test_tags(owner: Client) -> None:
    add(owner, "I moved to Porto", id="m")
    first = owner.get("/v1/memories/m")
    tag = first.headers["etag"]
    assert tag == f'"{first.json()["digest"]}-{tag.rpartition("-")[2]}'
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = owner.get("/v1/memories/m", headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    owner.post("/v1/memories/m/mark", json={"mark": "pinned"})
    assert owner.get("/v1/memories/m", headers={"If-None-Match": tag}).status_code == 200
    changed = owner.patch(
        "/v1/memories/m", json={"text": "I moved to Faro"}, headers={"If-Match": tag}
    )
    assert changed.status_code == 200, "a mark is no new version"
    again = owner.patch("/v1/memories/m", json={"text": "x"}, headers={"If-Match": tag})
    error(again, 412, "Conflict")
    error(owner.patch("/v1/memories/m", json={"text": "x", "expect": 1}), 409, "Conflict")
    error(
        owner.post("/v1/memories/m/retract", json={}, headers={"If-Match": '"1"'}), 412, "Conflict"
    )
    error(
        owner.patch("/v1/memories/m", json={"text": "x"}, headers={"If-Match": "2"}),
        422,
        "InvalidInput",
    )
    for good in ('"2"', "*"):
        ok = owner.patch("/v1/memories/m", json={"text": f"now {good}"}, headers={"If-Match": good})
        assert ok.status_code == 200


def test_a_retry_stores_nothing_twice(owner: Client) -> None:
    body = {"content": ["one", "two"]}
    first = owner.post("/v1/memories", json=body, headers={"Idempotency-Key": "k"})
    assert (
        owner.post("/v1/memories", json=body, headers={"Idempotency-Key": "k"}).json()
        == first.json()
    )
    other = {"content": "three"}
    error(owner.post("/v1/memories", json=other, headers={"Idempotency-Key": "k"}), 409, "Conflict")
    error(owner.post("/v1/flush", headers={"Idempotency-Key": "k"}), 422, "InvalidInput")
    assert owner.get("/v1/status").json()["records"] == 2


def test_pages_lead_to_each_other(owner: Client) -> None:
    add(owner, [{"content": f"note {n}", "id": f"n{n}"} for n in range(7)])
    for path in ("/v1/memories?limit=3", "/v1/events?limit=3", "/v1/log?limit=3&newest=false"):
        seen: list[str] = []
        where: str | None = path
        while where:
            answer = owner.get(where)
            seen += [one["id"] for one in answer.json()["items"]]
            where = answer.links.get("next", {}).get("url")
            assert ("next" in answer.json()) == bool(where)
        assert seen == [f"n{n}" for n in range(7)], path


def test_limits_are_capped(settings: Settings) -> None:
    with client_of(replace(settings, most=2)) as client:
        owner = client.as_()
        add(owner, ["one", "two", "three"])
        assert len(owner.get("/v1/memories?limit=99").json()["items"]) == 2
        assert (
            len(owner.post("/v1/search", json={"query": "one two three", "k": 99}).json()["items"])
            == 2
        )


def test_large_bodies_are_refused_before_they_are_read(settings: Settings) -> None:
    with client_of(replace(settings, body=1000)) as client:
        owner = client.as_()
        error(owner.post("/v1/memories", json={"content": "x" * 2000}), 413, "TooLarge")

        def pieces() -> Iterator[bytes]:
            yield b'{"content": "'
            for _ in range(100):
                yield b"x" * 100
            yield b'"}'

        sent = owner.post(
            "/v1/memories", content=pieces(), headers={"Content-Type": "application/json"}
        )
        error(sent, 413, "TooLarge")
        assert owner.get("/v1/status").json()["records"] == 0


def test_calls_are_counted_for_each_token(settings: Settings) -> None:
    with client_of(replace(settings, rate=0.5)) as client:
        busy, quiet = client.as_(), client.as_(Right.read)
        answers = [busy.get("/v1/facts") for _ in range(3)]
        assert answers[0].status_code == 200
        error(answers[-1], 429, "TooMany")
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert quiet.get("/v1/facts").status_code == 200


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    rates = Rates(2, clock=lambda: now[0])
    assert [rates.wait("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    now[0] += 0.5
    assert [rates.wait("a") for _ in range(2)] == [0, 1]


def test_import_stores_what_is_good_and_says_what_is_not(owner: Client) -> None:
    lines = [
        '{"content": "I moved to Porto", "id": "m1", "user_id": "ana", "at": "2025-03-01"}',
        "",
        "no json",
        "[]",
        '{"content": ""}',
        '{"content": "x", "user_id": 3}',
        '{"content": "x", "strange": 3}',
        '{"content": "x", "at": "2999-01-01"}',
        '{"content": "I moved to Porto", "id": "m1", "user_id": "ana", "at": "2025-03-01"}',
        '{"content": "I live here", "user_id": "bo", "session_id": "own"}',
        '{"content": "no line feed behind"}',
    ]
    answer = owner.post(
        "/v1/import?session_id=s", content="\n".join(lines).encode(), headers=NDJSON
    )
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    *told, last = [json.loads(line) for line in answer.text.splitlines()]
    assert [(one["line"], one["status"]) for one in told] == [
        (1, "stored"), (3, "rejected"), (4, "rejected"), (5, "rejected"), (6, "rejected"), (7, "rejected"),
        (8, "rejected"), (9, "duplicate"), (10, "stored"), (11, "stored"),
    ]  # fmt: skip
    assert all(one["reason"] for one in told if one["status"] == "rejected")
    assert last == {"done": True, "stored": 3, "duplicate": 1, "rejected": 6}
    assert owner.get("/v1/memories?user_id=ana").json()["items"][0]["session"] == "s"
    assert owner.get("/v1/memories?user_id=bo").json()["items"][0]["session"] == "own"


def test_an_import_can_be_repeated(owner: Client) -> None:
    lines = "\n".join(json.dumps({"content": f"note {n}"}) for n in range(1200)).encode()
    for _ in range(2):
        answer = owner.post("/v1/import", content=lines, headers={**NDJSON, "Idempotency-Key": "k"})
        assert json.loads(answer.text.splitlines()[-1])["stored"] == 1200
    assert owner.get("/v1/status").json()["records"] == 1200


def test_a_line_that_is_too_long_is_rejected_alone(settings: Settings) -> None:
    with client_of(replace(settings, body=1000)) as client:
        owner = client.as_()
        lines = b'{"content":"a"}\n{"content":"' + b"x" * 5000 + b'"}\n{"content":"b"}'
        told = owner.post("/v1/import", content=lines, headers=NDJSON).text.splitlines()
        assert [json.loads(line).get("status") for line in told] == [
            "stored",
            "rejected",
            "stored",
            None,
        ]


def test_an_import_is_of_the_callers_user(nobody: Client) -> None:
    ana = nobody.as_(Right.write, user_id="ana")
    lines = b'{"content":"mine"}\n{"content":"not mine","user_id":"bo"}\n{"content":"mine too","user_id":"ana"}\n'
    told = [
        json.loads(line)
        for line in ana.post("/v1/import", content=lines, headers=NDJSON).text.splitlines()
    ]
    assert [one.get("status") for one in told] == ["stored", "rejected", "stored", None]
    assert "bound" in told[1]["reason"]
    error(
        nobody.as_(Right.read).post("/v1/import", content=lines, headers=NDJSON),
        403,
        "AccessDenied",
    )
    error(ana.post("/v1/import", json={}), 415, "InvalidInput")


def test_an_export_can_be_loaded(owner: Client, tmp_path: Path) -> None:
    add(owner, ["one", "two"])
    answer = owner.get("/v1/export")
    assert answer.status_code == 200
    (tmp_path / "all.jsonl").write_bytes(answer.content)
    with Memory.open(tmp_path / "copy.rmem", embedder="none") as memory:
        assert memory.load(tmp_path / "all.jsonl").events == 2


def events_of(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")
        )
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_a_sleep_tells_how_far_it_is(owner: Client) -> None:
    for text in ("I live in Porto", "I live in Porto!", "I live in Faro"):
        add(owner, text)
    answer = owner.post("/v1/sleep", json={}, headers={"Accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *steps, (last, night) = events_of(answer.text)
    assert steps
    assert all(name == "progress" and 0 <= step["done"] <= 1 for name, step in steps)
    assert last == "result"
    assert night["done"] is True
    wrong = owner.post(
        "/v1/sleep", json={"only": ["nope"]}, headers={"Accept": "text/event-stream"}
    )
    [(name, told)] = events_of(wrong.text)
    assert (name, told["error"]["code"]) == ("error", "InvalidInput")
    assert owner.post("/v1/sleep", json={"dry_run": True}).json()["dry"] is True


def test_health_needs_no_token_and_metrics_do(nobody: Client, settings: Settings) -> None:
    assert nobody.get("/v1/health").json()["status"] == "ok"
    assert nobody.get("/v1/ready").json() == {"status": "ready"}
    error(nobody.get("/metrics"), 401, "Unauthorized")
    error(nobody.as_(Right.read).get("/metrics"), 403, "AccessDenied")
    owner = nobody.as_()
    add(owner, "one")
    text = owner.get("/metrics").text
    assert 'remanence_requests_total{op="add",status="200"} 1.0' in text
    assert 'remanence_requests_total{op="metrics",status="401"} 1.0' in text
    assert "remanence_records 1.0" in text
    assert "remanence_pending 0.0" in text
    with client_of(replace(settings, open_metrics=True)) as client:
        assert client.get("/metrics").status_code == 200


def test_the_log_has_no_secrets(owner: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="remanence.http"):
        add(owner, "a private text", id="private-id")
        owner.get("/v1/memories/private-id?user_id=private-user")
        owner.post("/v1/search", json={"query": "private query"})
        owner.get("/v1/nope/private-path")
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "POST add by http/all: 200" in told
    assert "GET get by http/all: 404" in told
    assert "private" not in told
    assert "rmem_" not in told


def test_only_this_machines_names_and_own_pages_reach_an_open_server(settings: Settings) -> None:
    with client_of(replace(settings, open_to_all=True)) as client:
        assert client.get("/v1/memories").status_code == 200
        for host in ("127.0.0.1:8765", "localhost:1", "[::1]:8765"):
            assert client.get("/v1/memories", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "127.0.0.1.evil.example:8765", ""):
            error(client.get("/v1/memories", headers={"Host": host}), 421, "AccessDenied")
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "file://"):
            error(client.post("/v1/flush", headers={"Origin": origin}), 403, "AccessDenied")
        assert (
            client.post("/v1/flush", headers={"Origin": "http://127.0.0.1:8765"}).status_code == 200
        )


def test_pictures_and_scripts_of_other_pages_get_nothing(settings: Settings) -> None:
    """They bring no origin; the browser says whose they are all the same."""
    with client_of(replace(settings, open_to_all=True)) as client:
        for site in ("cross-site", "same-site"):
            by = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
            error(client.get("/v1/events/stream", headers=by), 403, "AccessDenied")
            followed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
            assert client.get("/ui/", headers=followed).status_code == 200
        own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        assert client.get("/v1/memories", headers=own).status_code == 200


def test_pages_of_others_may_call_where_they_are_named(settings: Settings) -> None:
    app = "https://app.example"
    with client_of(replace(settings, origins=(app,))) as client:
        owner = client.as_()
        answer = owner.get("/v1/memories", headers={"Origin": app})
        assert answer.headers["access-control-allow-origin"] == app
        asked = {
            "Origin": app,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        assert client.options("/v1/search", headers=asked).status_code == 200
        error(
            owner.get("/v1/memories", headers={"Origin": "https://evil.example"}),
            403,
            "AccessDenied",
        )
    with client_of(settings) as client:
        answer = client.options("/v1/search", headers=asked)
        assert "access-control-allow-origin" not in answer.headers


def test_a_session_of_the_page(nobody: Client, settings: Settings) -> None:
    code = nobody.app.state.door.sessions.code()
    link = f"/ui/login?code={code}"
    answer = nobody.get(link, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert nobody.get("/v1/session").json()["name"] == "http/owner"
    error(nobody.post("/v1/memories", json={"content": "x"}), 403, "AccessDenied")
    sent = nobody.post("/v1/memories", json={"content": "x"}, headers={"X-Remanence": "1"})
    assert sent.status_code == 200
    error(Client(nobody.app, base_url="http://127.0.0.1:8765").get(link), 401, "Unauthorized")
    assert nobody.delete("/v1/session").status_code == 200
    error(nobody.get("/v1/session"), 401, "Unauthorized")


def test_a_session_ends_with_its_token(nobody: Client, settings: Settings) -> None:
    secret = settings.tokens.make("page", [Right.read])[0]
    begun = nobody.post("/v1/session", headers={"Authorization": f"Bearer {secret}"})
    assert begun.json()["rights"] == ["read"]
    assert nobody.get("/v1/memories").status_code == 200
    settings.tokens.revoke("page")
    error(nobody.get("/v1/memories"), 401, "Unauthorized")


def test_the_page_is_served_as_it_is(nobody: Client) -> None:
    assert nobody.get("/", follow_redirects=False).headers["location"] == "/ui/"
    page = nobody.get("/ui/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for answer in (page, nobody.get("/v1/health"), nobody.get("/v1/memories")):
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert nobody.get("/v1/health").headers["cache-control"] == "no-store"
    for path in ("/ui/nope.js", "/ui/%2e%2e/http/app.py", "/ui/..%2fhttp%2fapp.py"):
        assert nobody.get(path).status_code == 404
