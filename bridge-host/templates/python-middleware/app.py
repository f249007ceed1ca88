"""A middleware: it drops messages with fewer bytes than the setting `minimum`.

It marks and forwards all others.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import incoming_handler, store
from wit_world.imports.types import Error_Other, Message


class IncomingHandler(exports.IncomingHandler):
    """The exported interface."""

    def handle(self, ms: Message) -> None:
        """Forwards a message, or drops it."""
        if len(ms.data()) < minimum():
            return
        ms.add_metadata("seen-by", "project-name")
        # An error of the next component is raised, and returned unchanged.
        incoming_handler.handle(ms)

    def subscribe(self) -> list[str]:
        """Returns the topics of the next component."""
        return incoming_handler.subscribe()


def minimum() -> int:
    """Returns the setting. While it is invalid, messages become dead letters, which you can
    replay once it is fixed: the exception is an error of wasi:messaging."""
    try:
        return int(store.get("minimum") or 0)
    except ValueError:
        raise Err(Error_Other("the setting `minimum` is not a whole number")) from None
