"""Recipes by name."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Final, Protocol

from remanence.errors import InvalidInput
from remanence.recipes.default import default
from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder
from remanence.text.guard.policy import Policy


class MakeRecipe(Protocol):
    """Makes a recipe for an encoder (None: words alone) and a policy (None: the shipped one)."""

    def __call__(self, encoder: Embedder | None, /, *, policy: Policy | None) -> Recipe: ...


RECIPES: Final[dict[str, MakeRecipe]] = {"default": default}


def open_recipe(
    recipe: str | Recipe, encoder: Embedder | None, policy: Policy | str | Path | None = None
) -> Recipe:
    """A recipe as given, or the one of that name, made for this encoder and this policy, or the policy file at that path.

    Raises: InvalidInput, with the names that come near; BadImport for a policy file that is wrong."""
    if isinstance(recipe, Recipe):
        if policy is not None:
            raise InvalidInput(
                "a policy with a recipe that is already made",
                hint="make the recipe with the policy",
            )
        return recipe
    if recipe not in RECIPES:
        near = get_close_matches(recipe, RECIPES) or sorted(RECIPES)
        raise InvalidInput(f"no recipe {recipe!r}", hint=f"did you mean {', '.join(near)}?")
    known = policy if isinstance(policy, Policy) or policy is None else Policy.load(policy)
    return RECIPES[recipe](encoder, policy=known)
