"""The verbs of forgetting: plan, forget, and check again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remanence.errors import InvalidInput, NotFound
from remanence.memory.core import Core, When
from remanence.store import receipts
from remanence.store.receipts import Signer
from remanence.text.write.messages import moment
from remanence.types import ForgetPlan, Receipt, Scope


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
        user's configuration folder. Without `recheck` the erasure is the same, and `recheck()` reads again later.

        Raises: NotFound, if any of the ids is unknown or nothing matches (then nothing is erased); InvalidInput where nothing is chosen."""
        scope = self._scope(user_id, agent_id)
        signer = Signer.open() if sign else None
        if everything:
            if ids or session_id or kinds or filters or mentions or before:
                raise InvalidInput("everything= with a choice", hint="give one or the other")
            receipt = self._store.forget_space(
                scope, actor=self._actor, forms=self._forms, signer=signer, recheck=recheck
            )
        else:
            chosen = self._chosen(scope, ids, session_id, kinds, filters, mentions, before)
            receipt = self._store.forget(
                scope, chosen, actor=self._actor, forms=self._forms, signer=signer, recheck=recheck
            )
        return receipt

    def recheck(self, receipt: Receipt, *, sign: bool = True) -> Receipt:
        """The receipt of an earlier forget of this process, with the checks made now. Raises: NotFound."""
        signer = Signer.open() if sign else None
        return self._store.recheck(receipt, forms=self._forms, signer=signer)

    def attest(self, receipt: Receipt, *, key: str | None = None) -> list[str]:
        """What is wrong with a receipt: its signature, or what this store's ledger says against it; nothing where it is good."""
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
        named = [ids] if isinstance(ids, str) else list(ids)
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
            kinds=(kinds,) if isinstance(kinds, str) else tuple(kinds),
            filters={**(filters or {}), **({"session": session} if session else {})},
            mentions=mentions,
            before=moment("before", before),
        )
        if not found:
            raise NotFound("nothing matches", hint="plan_forget() shows what would go")
        return found
