"""Who may be believed and who may see: what is looked at before something is stored, and before it is shown."""

# Written by `make gen`: below this line by the catalogue, above it by hand.

from typing import TYPE_CHECKING

from remanence.catalogue.lazy import attach

if TYPE_CHECKING:
    from remanence.text.guard.consensus import Consensus as Consensus
    from remanence.text.guard.integrity import ContextualIntegrity as ContextualIntegrity
    from remanence.text.guard.lessons import Lessons as Lessons
    from remanence.text.guard.privacy import Privacy as Privacy
    from remanence.text.guard.steering import Steering as Steering
    from remanence.text.guard.trust import Trust as Trust
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "Consensus": "remanence.text.guard.consensus",
            "ContextualIntegrity": "remanence.text.guard.integrity",
            "Lessons": "remanence.text.guard.lessons",
            "Privacy": "remanence.text.guard.privacy",
            "Steering": "remanence.text.guard.steering",
            "Trust": "remanence.text.guard.trust",
        },
    )

__all__ = [
    "Consensus",
    "ContextualIntegrity",
    "Lessons",
    "Privacy",
    "Steering",
    "Trust",
]
