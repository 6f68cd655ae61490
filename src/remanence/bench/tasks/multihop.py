"""Multi-hop questions over a pool of passages: MuSiQue, HotpotQA, 2WikiMultiHopQA in HippoRAG's
files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remanence.bench.tasks.base import Example, Question, Turn, need, read_json
from remanence.errors import InvalidInput

CORPUS = "_corpus.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiHop:
    """`NAME.json` (questions) beside `NAME_corpus.json` (passages); a folder means every such pair,
    one example each.

    Source: Gutiérrez et al., "HippoRAG: Neurobiologically Inspired Long-Term Memory for LLMs",
    arXiv:2405.14831, of sets by Trivedi et al. (arXiv:2108.00573), Yang et al. (arXiv:1809.09600)
    and Ho et al. (arXiv:2011.01060). A passage is told by title and text, since titles repeat; the
    category of a question is its set.
    """

    @property
    def name(self) -> str:
        return "multihop"

    @property
    def version(self) -> str:
        return "1"

    @property
    def apart(self) -> frozenset[str]:
        return frozenset()

    def examples(self, path: Path, notes: Counter[str] | None = None) -> Iterator[Example]:
        notes = Counter() if notes is None else notes
        for file in question_files(path):
            corpus_file = file.with_name(file.stem + CORPUS)
            passages = list(read_corpus(read_json(corpus_file), corpus_file))
            turns = tuple(
                Turn(id=f"p{number}", title=title, text=text, role="document")
                for number, (title, text) in enumerate(passages)
            )
            pool = Pool(passages)
            questions = tuple(
                read_question(entry, number, file, pool, notes)
                for number, entry in enumerate(read_json(file))
            )
            yield Example(id=file.stem, turns=turns, questions=questions)


class Pool:
    """Passages by title and text, and by title alone where only one has it."""

    def __init__(self, passages: list[tuple[str, str]]) -> None:
        self.exact = {key: f"p{number}" for number, key in reversed(list(enumerate(passages)))}
        titles = Counter(title for title, _ in passages)
        self.title = {title: id for (title, _), id in self.exact.items() if titles[title] == 1}

    def find(self, title: str, text: str) -> str | None:
        return self.exact.get((title, text)) or self.title.get(title)


def question_files(path: Path) -> list[Path]:
    """The file itself, or every `NAME.json` of a folder that has a `NAME_corpus.json`."""
    if path.is_file():
        return [path]
    files = [
        file.with_name(file.name.removesuffix(CORPUS) + ".json")
        for file in sorted(path.glob("*" + CORPUS))
    ]
    if not files:
        raise InvalidInput(
            f"no *{CORPUS} in {path}", hint="give NAME.json that stands beside NAME_corpus.json"
        )
    return files


def read_corpus(corpus: Any, path: Path) -> Iterator[tuple[str, str]]:
    """(title, text) of a list of passages, or of a mapping from title to sentences."""
    if isinstance(corpus, Mapping):
        for title, sentences in corpus.items():
            yield str(title), sentences if isinstance(sentences, str) else "".join(sentences)
        return
    for passage in corpus:
        yield str(need(passage, "title", path)), str(need(passage, "text", path))


def read_question(
    entry: Mapping[str, Any], number: int, path: Path, pool: Pool, notes: Counter[str]
) -> Question:
    """A question and its supporting passages; one that is not in the pool is counted."""
    gold: dict[str, None] = {}
    for title, text in supporting(entry, path):
        found = pool.find(title, text)
        if found is None:
            notes["supporting passages that are not in the corpus"] += 1
        else:
            gold[found] = None
    id = str(entry.get("id") or entry.get("_id") or number)
    return Question(
        id=id,
        text=str(need(entry, "question", path)),
        evidence=tuple(gold),
        category=path.stem.split("_")[0],
        answer=str(entry.get("answer", "")),
    )


def supporting(entry: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str]]:
    """(title, text) of the supporting passages, in either of the two official layouts."""
    if "paragraphs" in entry:
        for paragraph in entry["paragraphs"]:
            if need(paragraph, "is_supporting", path):
                text = paragraph.get("paragraph_text", paragraph.get("text", ""))
                yield str(need(paragraph, "title", path)), str(text)
        return
    context = {str(title): "".join(sentences) for title, sentences in need(entry, "context", path)}
    for title in dict.fromkeys(str(title) for title, _ in need(entry, "supporting_facts", path)):
        yield title, context.get(title, "")
