"""Who may come in, and whose memory it then is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from remanence.serve.cli import main
from remanence.serve.http.tokens import TokenFile
from remanence.serve.ops.op import Right
from tests.serve.proxy.conftest import KEY, Running, Upstream, running, said


def ask(proxy: Running, text: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{proxy.url}/v1/chat/completions"
    return httpx.post(url, json={"messages": said(text)}, headers=named, trust_env=False)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenFile:
    return TokenFile(tmp_path_factory.mktemp("tokens") / "tokens.json")


@pytest.fixture(scope="module")
def bound(tokens: TokenFile) -> str:
    return tokens.make("phone", [Right.read, Right.write], user_id="ana")[0]


@pytest.fixture(scope="module")
def keyed(
    endpoint: Upstream, tokens: TokenFile, bound: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A proxy that has upstream's key."""
    folder = tmp_path_factory.mktemp("keyed") / "p"
    options = ["--upstream-key-env", "UP_KEY", "--tokens", str(tokens.path)]
    with running(folder, endpoint.url, *options, UP_KEY=KEY) as proxy:
        yield proxy


def test_with_upstreams_key_here_a_client_shows_a_token(
    keyed: Running, upstream: Upstream, bound: str
) -> None:
    for headers in ({}, {"Authorization": "Bearer nobody"}, {"X_Remanence_Token": bound + "x"}):
        refused = ask(keyed, "Hello", **headers)
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert refused.headers["www-authenticate"].startswith("Bearer")
    for path in ("/v1/models", "/v1/files"):
        assert httpx.get(f"{keyed.url}{path}", trust_env=False).status_code == 401
    assert upstream.asked == []
    assert ask(keyed, "Hello", Authorization=f"Bearer {bound}").status_code == 200
    [asked] = upstream.asked
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert bound not in str(asked)


def test_a_token_binds_its_user(keyed: Running, upstream: Upstream, tokens: TokenFile) -> None:
    mine = f"Bearer {tokens.make('desk', [Right.read, Right.write], user_id='bea')[0]}"
    other = ask(keyed, "I am Eve.", Authorization=mine, X_Remanence_User="eve")
    assert (other.status_code, other.json()["error"]["code"]) == (403, "AccessDenied")
    # The body's user is for upstream: it moves nobody to somebody else's memory.
    body = {"messages": said("My number is 17."), "user": "eve"}
    url = f"{keyed.url}/v1/chat/completions"
    httpx.post(url, json=body, headers={"Authorization": mine}, trust_env=False)
    assert upstream.asked[-1].json["user"] == "eve"
    assert keyed.remembers("bea", 2)[0].text == "My number is 17."
    assert keyed.remembers("eve", 0) == []


def test_a_token_gives_the_rights_that_it_has(
    keyed: Running, upstream: Upstream, tokens: TokenFile
) -> None:
    read, _ = tokens.make("reader", [Right.read], user_id="rita")
    write, _ = tokens.make("writer", [Right.write], user_id="rita", origin="web:forum.example")
    assert ask(keyed, "I row.", Authorization=f"Bearer {read}").status_code == 200
    assert ask(keyed, "I row at dawn.", Authorization=f"Bearer {write}").status_code == 200
    told = keyed.remembers("rita", 2)
    # A token's channel is that of all that it brings.
    assert {record.origin for record in told} == {"web:forum.example"}
    assert told[0].text == "I row at dawn."
    ask(keyed, "When do I row?", Authorization=f"Bearer {write}")
    assert len(upstream.asked[-1].json["messages"]) == 1
    ask(keyed, "When do I row?", Authorization=f"Bearer {read}")
    assert "dawn" in upstream.asked[-1].json["messages"][0]["content"]


def test_a_revoked_token_is_out_at_once(keyed: Running, tokens: TokenFile) -> None:
    given, _ = tokens.make("old", [Right.read])
    assert ask(keyed, "x", Authorization=f"Bearer {given}").status_code == 200
    tokens.revoke("old")
    assert ask(keyed, "x", Authorization=f"Bearer {given}").status_code == 401


def test_no_page_in_a_browser_may_call(proxy: Running, upstream: Upstream) -> None:
    for headers in (
        {"Host": "rebound.example:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        refused = ask(proxy, "x", **headers)
        assert refused.status_code == 403
        assert refused.json()["error"]["code"].startswith("forbidden")
    assert upstream.asked == []
    assert ask(proxy, "x", Origin=proxy.url.rpartition("/")[0]).status_code == 200
    assert ask(proxy, "x", Host="localhost:1").status_code == 200


def test_who_does_not_know_the_url_gets_nothing(
    tmp_path: Path, upstream: Upstream, tokens: TokenFile, bound: str
) -> None:
    with running(tmp_path / "p", upstream.url, "--tokens", str(tokens.path)) as proxy:
        refuse_strangers(proxy, upstream, bound)


def refuse_strangers(proxy: Running, upstream: Upstream, bound: str) -> None:
    plain, _, word = proxy.url.rpartition("/")
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    for place in ("", f"/{word[:-1]}", f"/{word[:-1]}0", f"/{word}x", f"/{'0' * len(word)}"):
        for path in ("/v1/chat/completions", "/v1/models", "/"):
            answer = httpx.post(f"{plain}{place}{path}", json=asked, trust_env=False)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert upstream.asked == []
    shown = {"X-Remanence-Token": bound}
    url = f"{plain}/v1/chat/completions"
    assert httpx.post(url, json=asked, headers=shown, trust_env=False).status_code == 200
    assert word not in str(upstream.asked)


def test_the_url_stays_the_same_unless_none_is_wanted(tmp_path: Path, upstream: Upstream) -> None:
    words = set()
    for _ in range(2):
        with running(tmp_path / "p", upstream.url) as proxy:
            words.add(proxy.url.rpartition("/")[2])
    assert len(words) == 1
    with running(tmp_path / "p", upstream.url, "--no-auth") as proxy:
        assert proxy.url.count("/") == 2
        assert ask(proxy, "x").status_code == 200


def test_on_a_machine_of_many_a_token_can_be_asked_for(
    tmp_path: Path, upstream: Upstream, tokens: TokenFile, bound: str
) -> None:
    options = ["--auth", "--tokens", str(tokens.path)]
    with running(tmp_path / "p", upstream.url, *options) as proxy:
        assert ask(proxy, "x", Authorization=f"Bearer {KEY}").status_code == 401
        shown = {"Authorization": f"Bearer {KEY}", "X_Remanence_Token": bound}
        assert ask(proxy, "x", **shown).status_code == 200
    [asked] = upstream.asked
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert bound not in str(asked)


def test_a_wrong_token_is_refused_where_none_is_needed(proxy: Running, upstream: Upstream) -> None:
    assert ask(proxy, "x", X_Remanence_Token="rmem_nobody").status_code == 401
    assert ask(proxy, "x", Authorization="Bearer ollama").status_code == 200
    assert upstream.asked[0].headers["authorization"] == "Bearer ollama"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no endpoint"),
        (["--upstream", "ftp://x"], "not the URL"),
        (["--upstream", "http://u:p@x/v1"], "credentials"),
        (["--upstream", "http://x", "--upstream-key-env", "NO_SUCH"], "NO_SUCH is empty"),
        (["--upstream", "http://x", "--host", "0.0.0.0"], "there is none"),
        (["--upstream", "http://x", "--port", "99999"], "port 99999"),
        (["--upstream", "http://x", "--budget", "-1"], "budget"),
    ],
)
def test_what_can_not_work_is_refused_at_the_start(
    tmp_path: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["proxy", "--tokens", str(tmp_path / "none.json"), *options]
    command += ["--store", str(tmp_path / "m.rmem"), "--embedder", "none"]
    assert main(command) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "m.rmem").exists()


def test_what_is_no_store_is_refused_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.rmem").write_text("a shopping list, not a store. " * 99)
    command = ["proxy", "--upstream", "http://x", "--port", "0", "--embedder", "none"]
    assert main([*command, "--store", str(tmp_path / "m.rmem")]) == 3
    assert "m.rmem" in capsys.readouterr().err
