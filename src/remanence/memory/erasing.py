"""The verbs of forgetting: plan, forget, and check again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

from remanence.errors import InvalidInput, NotFound
from remanence.memory.core import Core, When
from remanence.store.forgetting import receipts
from remanence.store.forgetting.receipts import Signer
from remanence.text.read.question import parse
from remanence.text.slots.revive import revived
from remanence.text.write.messages import equalities, moment, several, word
from remanence.types import Check, ForgetPlan, Query, Receipt, Scope

ASKED = 32
"""Erased texts that are searched for afterwards; the files are read for all of them."""
LONGEST = 200
"""Characters of each that are asked."""


class Erasing(Core):
    """What erases. Everything else in memory only adds."""

    def plan_forget(
        self,
        ids: str | Sequence[str] = (),
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str = "",
        kinds: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
        mentions: str = "",
        before: When = None,
        everything: bool = False,
    ) -> ForgetPlan:
        """What `forget` with the same words would erase, and what would go with it. Raises: as `forget`."""
        scope = self._scope(user_id, agent_id)
        _either(everything, ids, session_id, kinds, filters, mentions, before)
        if everything:
            return self._store.plan_forget_space(scope)
        chosen = self._chosen(scope, ids, session_id, kinds, filters, mentions, before)
        return self._store.plan_forget(scope, chosen)

    def forget(
        self,
        ids: str | Sequence[str] = (),
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str = "",
        kinds: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
        mentions: str = "",
        before: When = None,
        everything: bool = False,
        recheck: bool = True,
        sign: bool = True,
    ) -> Receipt:
        """Erase records in all their versions, and everything that was derived from them, in every form; then look for them in every
        byte of the store's files and through every way of reading, and say in a signed receipt what was found.

        Which: `ids`; or all that match what is given of `session_id`, `kinds`, `filters`, `mentions` (words that the text of any version
        holds, case aside) and `before` (said before that moment); or `everything` of a user. The key that signs is made once, in the
        user's configuration folder. What an erased fact had superseded holds again. Without `recheck` the erasure is the same, and
        `recheck()` reads again later.

        Raises: NotFound, if any of the ids is unknown or nothing matches (then nothing is erased); InvalidInput where nothing is chosen."""
        scope = self._scope(user_id, agent_id)
        _either(everything, ids, session_id, kinds, filters, mentions, before)
        chosen = (
            None
            if everything
            else self._chosen(scope, ids, session_id, kinds, filters, mentions, before)
        )
        signer = Signer.open() if sign else None
        if chosen is not None:
            plan = self._store.plan_forget(scope, chosen)
            if again := revived(self._store, scope, {*plan.asked, *plan.kin}):
                self._apply(again)
        with self._worker.encoding if self._worker is not None else nullcontext():
            said = self._said(scope, chosen) if recheck else []
            receipt = (
                self._store.forget_space(
                    scope, actor=self._actor, forms=self._forms, recheck=recheck
                )
                if chosen is None
                else self._store.forget(
                    scope, chosen, actor=self._actor, forms=self._forms, recheck=recheck
                )
            )
        if recheck:
            checked = self._searched(scope, said, frozenset(receipt.ids))
            receipt = replace(receipt, checks=(*receipt.checks, checked))
        return signer.sign(receipt) if signer is not None else receipt

    def _said(self, scope: Scope, ids: Sequence[str] | None) -> list[str]:
        """Some of what is about to be erased, to ask for afterwards."""
        if ids is None:
            return [record.text for record in self._store.list(scope, limit=ASKED)]
        found = [self._store.get(scope, id) for id in ids[:ASKED]]
        return [record.text for record in found if record is not None]

    def _searched(self, scope: Scope, said: Sequence[str], gone: frozenset[str]) -> Check:
        """Whether a search for what was erased, by its words and its vector, still finds any of it, archive and past included."""
        view = self._space(scope).view(
            Query(text="", scope=scope, archived=True, quarantined=True), self._store.now()
        )
        found = 0
        for text in said:
            asked = Query(text=text[:LONGEST], scope=scope, archived=True, quarantined=True)
            question = parse(
                asked, encoder=self._encoder if view.embedded else None, now=self._store.now()
            )
            ranked = self._recipe.retriever.retrieve(question, view, 10)
            seqs = view.rows["seq"][ranked.ords].tolist()
            found += sum(one.id in gone for one in self._store.records(scope, seqs))
        return Check("search", len(said), found, "words and vectors of what was erased")

    def recheck(self, receipt: Receipt, *, sign: bool = True) -> Receipt:
        """The receipt of an earlier forget of this process, with the checks made now. Raises: NotFound."""
        _is_receipt(receipt)
        signer = Signer.open() if sign else None
        return self._store.recheck(receipt, forms=self._forms, signer=signer)

    def attest(self, receipt: Receipt, *, key: str | None = None) -> list[str]:
        """What is wrong with a receipt: its signature, or what this store's ledger says against it; nothing where it is good."""
        _is_receipt(receipt)
        return receipts.verify(receipt, key=key, store=self._store)

    def _chosen(
        self,
        scope: Scope,
        ids: str | Sequence[str],
        session: str,
        kinds: Sequence[str],
        filters: Mapping[str, object] | None,
        mentions: str,
        before: When,
    ) -> list[str]:
        named = list(several("ids", ids))
        kinds, mentions = several("kinds", kinds), word("mentions", mentions)
        if mentions and not mentions.strip():
            raise InvalidInput("mentions is blank", hint="give the words that a text holds")
        session = word("session_id", session)
        matching = bool(session or kinds or filters or mentions or before)
        if named and matching:
            raise InvalidInput("ids and a choice", hint="give one or the other")
        if named:
            return named
        if not matching:
            raise InvalidInput(
                "nothing to forget is named",
                hint="give ids, session_id, kinds, filters, mentions or before; everything=True forgets all of a user's",
            )
        found = self._store.select(
            scope,
            kinds=kinds,
            filters={
                **equalities("filters", filters),
                **({"session": session} if session else {}),
            },
            mentions=mentions,
            before=moment("before", before),
        )
        if not found:
            raise NotFound("nothing matches", hint="plan_forget() shows what would go")
        return found


def _either(everything: bool, *chosen: object) -> None:
    if everything and any(chosen):
        raise InvalidInput("everything= with a choice", hint="give one or the other")


def _is_receipt(receipt: object) -> None:
    if not isinstance(receipt, Receipt):
        raise InvalidInput(
            f"the receipt is a {type(receipt).__name__}", hint="give what forget() returned"
        )
