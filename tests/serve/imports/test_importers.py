"""Importers: each format's happy path, its damaged forms, and ids that stay the same."""

from __future__ import annotations

import json
import os
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import BadImport, InvalidInput
from remanence.seams import Observation
from remanence.serve.imports.base import Skipped, stable_id
from remanence.serve.imports.detect import IMPORTERS, detect, named
from remanence.serve.imports.files import Document, Value, elements
from remanence.types import to_micros

SCOPE = ("local", "ana")
AT = to_micros(datetime(2025, 3, 1, 12, 0, tzinfo=UTC))


def read(path: Path) -> tuple[list[Observation], list[Skipped]]:
    items = list(detect(path).read(path, SCOPE))
    return [i for i in items if isinstance(i, Observation)], [
        i for i in items if isinstance(i, Skipped)
    ]


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def node(id: str, parent: str | None, role: str, *parts: object, **more: Any) -> dict[str, Any]:
    message = {
        "id": f"m-{id}",
        "author": {"role": role},
        "create_time": AT / 1e6,
        "content": {"content_type": "text", "parts": list(parts)},
        "recipient": "all",
        "metadata": {},
    } | more
    return {"id": id, "parent": parent, "message": message, "children": []}


def chatgpt(**more: Any) -> dict[str, Any]:
    nodes = [
        {"id": "root", "parent": None, "message": None, "children": ["s"]},
        node("s", "root", "system", "You are helpful"),
        node("q", "s", "user", "Where do swifts sleep?"),
        node("old", "q", "assistant", "In trees."),
        node("new", "q", "assistant", "On the wing, mostly."),
        node("tool", "new", "assistant", "search()", recipient="browser"),
        node("result", "tool", "tool", "a page"),
        node(
            "hidden",
            "result",
            "user",
            "profile",
            metadata={"is_visually_hidden_from_conversation": True},
        ),
        node(
            "voice",
            "hidden",
            "user",
            {"content_type": "audio_transcription", "text": "Really?"},
            {"content_type": "image_asset_pointer", "asset_pointer": "file://x"},
            content={
                "content_type": "multimodal_text",
                "parts": [
                    {"content_type": "audio_transcription", "text": "Really?"},
                    {"asset_pointer": "x"},
                ],
            },
        ),
    ]
    mapping = {n["id"]: n for n in nodes}
    for n in nodes:
        if n["parent"]:
            mapping[n["parent"]]["children"].append(n["id"])
    return {
        "title": "Swifts",
        "conversation_id": "c1",
        "mapping": mapping,
        "current_node": "voice",
    } | more


def test_chatgpt_takes_the_visible_branch(tmp_path: Path) -> None:
    found, skipped = read(write(tmp_path / "conversations.json", [chatgpt()]))
    assert [(o.id, o.role, o.text) for o in found] == [
        ("m-q", "user", "Where do swifts sleep?"),
        ("m-new", "assistant", "On the wing, mostly."),
        ("m-voice", "user", "Really?"),
    ]
    assert {(o.session, o.title, o.at, o.scope) for o in found} == {("c1", "Swifts", AT, SCOPE)}
    assert skipped == []


def test_chatgpt_without_a_current_node_takes_the_newest_leaf(tmp_path: Path) -> None:
    conversation = chatgpt(current_node=None)
    conversation["mapping"]["old"]["message"]["create_time"] += 60
    found, _ = read(write(tmp_path / "conversations.json", [conversation]))
    assert [o.text for o in found] == ["Where do swifts sleep?", "In trees."]


def test_chatgpt_reports_what_is_damaged_and_reads_the_rest(tmp_path: Path) -> None:
    circle = chatgpt(conversation_id="c2")
    circle["mapping"]["root"]["parent"] = "voice"
    bad = chatgpt(conversation_id="c3")
    bad["mapping"]["new"]["message"]["create_time"] = "soon"
    text = ",\n".join(json.dumps(c) for c in [circle, 7, bad, chatgpt(conversation_id="c4")])
    found, skipped = read(write(tmp_path / "conversations.json", f"[{text}]"))
    assert [o.session for o in found] == ["c3"] * 2 + ["c4"] * 3
    assert [(s.line, s.reason) for s in skipped] == [
        (1, "conversation 1: node voice is its own ancestor"),
        (2, "conversation 2: it is a number, not an object"),
        (3, "conversation 3, message new: 'soon' is not a time"),
    ]


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_an_export_is_read_from_its_zip_and_from_a_folder(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    write(folder / "conversations-000.json", [chatgpt()])
    write(folder / "conversations-001.json", [chatgpt(conversation_id="c2")])
    write(folder / "user.json", {"id": "u"})
    path = folder
    if kind == "zip":
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"data/{file.name}")
    assert detect(path).name == "chatgpt"
    assert [o.session for o in read(path)[0]] == ["c1"] * 3 + ["c2"] * 3


CLAUDE = {
    "uuid": "c1",
    "name": "Boats",
    "chat_messages": [
        {
            "uuid": "m1",
            "sender": "human",
            "text": "old text",
            "content": [{"type": "text", "text": "Is the boat sold?"}, {"type": "image"}],
            "created_at": "2025-03-01T12:00:00.000000Z",
            "attachments": [
                {"file_name": "deed.txt", "extracted_content": "Deed of sale"},
                {"file_name": "x.png"},
            ],
        },
        {
            "uuid": "m2",
            "sender": "assistant",
            "text": "It is.",
            "content": [{"type": "thinking", "thinking": "hm"}],
            "created_at": "2025-03-01T12:00:00Z",
        },
        {"uuid": "m3", "sender": "martian", "text": "?"},
    ],
}


def test_claude(tmp_path: Path) -> None:
    found, skipped = read(write(tmp_path / "conversations.json", [CLAUDE]))
    assert [(o.id, o.role, o.text, o.title, o.at) for o in found] == [
        ("m1", "user", "Is the boat sold?", "Boats", AT),
        ("m1/attachment/1", "document", "Deed of sale", "deed.txt", AT),
        ("m2", "assistant", "It is.", "Boats", AT),
    ]
    assert [s.reason for s in skipped] == [
        "conversation 1, message 3: sender is 'martian', not human or assistant"
    ]


def test_messages_one_per_line(tmp_path: Path) -> None:
    lines = [
        '{"role": "user", "content": "hello", "timestamp": "2025-03-01T12:00:00+00:00", "name": "Ana"}',
        "",
        '{"role": "assistant", "content": [{"type": "text", "text": "hi"}, {"type": "image_url"}], "id": 7}',
        "{broken",
        '{"role": "assistant", "content": null, "tool_calls": [{}]}',
        '{"role": "wizard", "content": "x"}',
        '{"role": "user", "content": ""}',
        '{"role": "user", "content": "hello", "session_id": "other"}',
        '{"role": "user", "content": "back", "timestamp": "2025-03-01T20:00:00+00:00"}',
    ]
    found, skipped = read(write(tmp_path / "log.jsonl", "\n".join(lines)))
    assert [(o.text, o.speaker, o.session) for o in found] == [
        ("hello", "Ana", "log 2025-03-01 12:00:00"),
        ("hi", "", "log 2025-03-01 12:00:00"),
        ("hello", "", "other"),
        ("back", "", "log 2025-03-01 20:00:00"),
    ]
    assert (found[0].at, found[1].id) == (AT, "7")
    assert [s.line for s in skipped] == [4, 6, 7]


def test_messages_one_conversation_per_line_or_in_one_file(tmp_path: Path) -> None:
    conversation = {
        "messages": [{"role": "developer", "content": "be kind"}, {"role": "user", "content": "ok"}]
    }
    lines = "\n".join(
        [
            json.dumps(conversation | {"id": "a"}),
            json.dumps({"messages": 3}),
            json.dumps(conversation),
        ]
    )
    found, skipped = read(write(tmp_path / "all.jsonl", lines))
    assert [(o.session, o.role) for o in found] == [
        ("a", "system"),
        ("a", "user"),
        ("all:3", "system"),
        ("all:3", "user"),
    ]
    assert [(s.line, s.reason) for s in skipped] == [(2, "messages is a number, not an array")]
    pretty = write(tmp_path / "one.json", json.dumps(conversation["messages"], indent=2))
    assert [o.text for o in read(pretty)[0]] == ["be kind", "ok"]


def test_ids_survive_lines_that_are_added(tmp_path: Path) -> None:
    message = '{"role": "user", "content": "%s"}\n'
    path = write(tmp_path / "log.jsonl", message % "a" + message % "b" + message % "b")
    before = [o.id for o in read(path)[0]]
    write(path, message % "new" + message % "a" + message % "b" + message % "b")
    assert len(set(before)) == 3
    assert [o.id for o in read(path)[0]][1:] == before


def locomo() -> list[dict[str, Any]]:
    turn = {"speaker": "Ana", "dia_id": "D10:1", "text": "We have moved."}
    conversation = {
        "speaker_a": "Ana",
        "speaker_b": "Ben",
        "session_10_date_time": "12:00 pm on 1 March, 2025",
        "session_10": [
            turn,
            {"speaker": "Ben", "dia_id": "D10:2", "text": "", "blip_caption": "a house"},
        ],
        "session_2_date_time": "12:05 am on 1 March, 2025",
        "session_2": [
            {"speaker": "Ben", "dia_id": "D2:1", "text": "Soon."},
            {"speaker": "Ben", "text": "?"},
        ],
        "session_11": [turn],
    }
    return [{"sample_id": "conv-1", "conversation": conversation, "qa": []}]


def test_locomo(tmp_path: Path) -> None:
    found, skipped = read(write(tmp_path / "locomo.json", locomo()))
    assert [(o.id, o.session, o.speaker, o.text) for o in found] == [
        ("conv-1/D2:1", "conv-1/2", "Ben", "Soon."),
        ("conv-1/D10:1", "conv-1/10", "Ana", "We have moved."),
        ("conv-1/D10:2", "conv-1/10", "Ben", ""),
    ]
    assert (found[1].at, found[2].fields) == (AT, {"caption": "a house"})
    assert [s.reason for s in skipped] == [
        "conv-1, session 2, turn 2: it has no dia_id",
        "conv-1, session 11: date_time is '', not like '1:56 pm on 8 May, 2023'",
    ]


def test_our_own_schema(tmp_path: Path) -> None:
    value = {
        "participants": ["Ana"],
        "sessions": [
            {
                "id": "s01",
                "at": "2025-03-01T12:00:00+00:00",
                "turns": [
                    {
                        "id": "s01:1",
                        "speaker": "Ana",
                        "role": "user",
                        "text": "Hola",
                        "caption": "a cat",
                    },
                    {"speaker": "Ana", "text": "again", "role": "owl"},
                    {"speaker": "Ana", "text": "later", "at": "2025-03-01T12:00:01Z"},
                ],
            },
            {"id": "s02", "turns": {}},
        ],
    }
    found, skipped = read(write(tmp_path / "conversation.json", json.dumps(value, indent=1)))
    assert [(o.id, o.at, o.fields) for o in found] == [
        ("s01:1", AT, {"caption": "a cat"}),
        (found[1].id, AT + 1_000_000, {}),
    ]
    assert [s.reason.split(":")[0] for s in skipped] == ["session s01, turn 2", "session 2"]


def test_a_folder_of_notes(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "2025-03-01-boat.txt", "It floats.")
    write(
        tmp_path / "a.md",
        '---\ntitle: "Plans"\ndate: 2025-03-01T12:00:00Z\n---\n# Heading\nPaint it.',
    )
    write(tmp_path / "b.md", "Intro\n\n## The heading ##\ntext")
    write(tmp_path / "empty.md", " \n")
    write(tmp_path / ".hidden.md", "secret")
    (tmp_path / "latin.txt").write_bytes(b"line\n\xe9t\xe9")
    (tmp_path / "binary.txt").write_bytes(b"a\0b")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    found, skipped = read(tmp_path)
    assert [(o.session, o.title, o.text) for o in found] == [
        ("a.md", "Plans", "# Heading\nPaint it."),
        ("b.md", "The heading", "Intro\n\n## The heading ##\ntext"),
        ("sub/2025-03-01-boat.txt", "2025-03-01-boat", "It floats."),
    ]
    assert [o.at for o in found] == [AT, None, AT - 12 * 3600 * 1_000_000]
    assert [(Path(s.path).name, s.line, s.reason) for s in skipped] == [
        ("binary.txt", 0, "it holds NUL characters: a binary file"),
        ("empty.md", 0, "it is empty"),
        ("latin.txt", 2, "byte 5 is not UTF-8"),
        ("photo.png", 0, "a .png file is neither Markdown nor plain text"),
    ]


def test_ids_do_not_depend_on_where_a_folder_is(tmp_path: Path) -> None:
    ids = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "a.md", "text")
        ids.append(read(tmp_path / name)[0][0].id)
    assert ids[0] == ids[1]


def test_a_single_text_file_may_begin_like_json(tmp_path: Path) -> None:
    found, _ = read(write(tmp_path / "n.md", "[a link](x) and text"))
    assert found[0].text == "[a link](x) and text"


def test_a_file_that_breaks_off_is_read_up_to_there(tmp_path: Path) -> None:
    whole = json.dumps([CLAUDE, CLAUDE], indent=1)
    found, skipped = read(write(tmp_path / "conversations.json", whole[:-40]))
    assert len(found) == 3
    assert skipped[-1].line > 1
    assert "nothing after this was read" in skipped[-1].reason


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", "{}"), ("a.json", "[]"), ("a.bin", "junk"), ("a.json", '[{"x": 1}]')],
)
def test_an_unknown_format_names_the_known_ones(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(BadImport) as caught:
        detect(write(tmp_path / name, content))
    assert all(importer.title in str(caught.value) for importer in IMPORTERS)


def test_a_missing_file_and_an_encrypted_zip(tmp_path: Path) -> None:
    with pytest.raises(BadImport, match="no such file"):
        detect(tmp_path / "nowhere")
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", "[" + " " * 200 + "]")
    data = bytearray(path.read_bytes())
    data[6] |= 1  # flag bit 0 of the local header: encrypted
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BadImport, match="can't be read"):
        detect(path)


def test_format_by_name() -> None:
    assert named("locomo").name == "locomo"
    with pytest.raises(InvalidInput, match="did you mean 'chatgpt'"):
        named("chatgtp")


@given(
    st.lists(
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
    )
)
def test_elements_are_what_json_reads(values: list[object]) -> None:
    data = json.dumps(values, indent=1).encode()
    assert [v.json for v in elements(Document("x", data)) if isinstance(v, Value)] == values


KEYS = """mapping current_node message author role content parts chat_messages sender uuid conversation session_1
session_1_date_time sessions turns text id at messages children parent attachments""".split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(value=JSON, importer=st.sampled_from(IMPORTERS))
def test_no_json_makes_an_importer_crash(
    tmp_path_factory: pytest.TempPathFactory, value: object, importer: Any
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "any.json", [value])
    with suppress(BadImport):  # nothing of it can be read
        for item in importer.read(path, SCOPE):
            assert isinstance(item, (Observation, Skipped))


@given(st.text(), st.text())
def test_stable_ids_keep_parts_apart(a: str, b: str) -> None:
    assert stable_id(a, b) == stable_id(a, b)
    assert len({stable_id(a, b), stable_id(a + b), stable_id(a + b, "")}) == (2 if b == "" else 3)


def test_the_real_locomo_file_is_read_whole() -> None:
    root = Path(
        os.environ.get("REMANENCE_DATA", Path(__file__).parents[3] / ".." / "shared" / "data")
    )
    path = root / "locomo" / "locomo_dev.json"
    if not path.exists():
        pytest.skip(f"no LoCoMo file at {path}")
    found, skipped = read(path)
    turns = [
        turn
        for sample in json.loads(path.read_text())
        for name, session in sample["conversation"].items()
        if isinstance(session, list)
        for turn in session
    ]
    assert (len(found), skipped) == (len(turns), [])
    assert len({o.id for o in found}) == len(turns)
    assert all(o.at for o in found)


def test_the_example_conversation_is_read_whole() -> None:
    path = Path(__file__).parents[3] / "examples" / "conversation.json"
    found, skipped = read(path)
    turns = [
        turn for session in json.loads(path.read_text())["sessions"] for turn in session["turns"]
    ]
    assert detect(path).name == "sessions"
    assert skipped == []
    assert [(o.id, o.text) for o in found] == [(turn["id"], turn["text"]) for turn in turns]
    assert all(o.at and o.speaker for o in found)
