"""Recipes by name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from remanence.errors import InvalidInput
from remanence.recipes.default import default
from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder

RECIPES: dict[str, Callable[[Embedder | None], Recipe]] = {"default": default}


def open_recipe(recipe: str | Recipe, encoder: Embedder | None) -> Recipe:
    """A recipe as given, or the one of that name, made for this encoder (None: words alone).

    Raises: InvalidInput, with the names that come near."""
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        near = get_close_matches(recipe, RECIPES) or sorted(RECIPES)
        raise InvalidInput(f"no recipe {recipe!r}", hint=f"did you mean {', '.join(near)}?")
    return RECIPES[recipe](encoder)
