"""A middleware: messages of fewer bytes than the setting `minimum` go no further.

All others are marked and passed on.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import incoming_handler, store
from wit_world.imports.types import Error_Other, Message


class IncomingHandler(exports.IncomingHandler):
    """The exported interface."""

    def handle(self, ms: Message) -> None:
        """Passes a message on, or drops it: then it is done with."""
        if len(ms.data()) < minimum():
            return
        ms.add_metadata("seen-by", "project-name")
        # An error of the next component is raised, and passes through unchanged.
        incoming_handler.handle(ms)

    def subscribe(self) -> list[str]:
        """The topics are the next component's to choose."""
        return incoming_handler.subscribe()


def minimum() -> int:
    """The setting. While it is wrong, messages become dead letters, which can be
    replayed once it is mended: what is raised is an error of the contract."""
    try:
        return int(store.get("minimum") or 0)
    except ValueError:
        raise Err(Error_Other("the setting `minimum` is no whole number")) from None
