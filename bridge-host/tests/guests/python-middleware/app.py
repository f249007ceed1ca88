"""A middleware in Python that marks each message and forwards it.

`cargo xtask test` builds it with componentize-py for the world `middleware` of
the project's wit/. It returns errors of the next component unchanged.
"""

from wit_world import exports
from wit_world.imports import incoming_handler
from wit_world.imports.types import Message


class IncomingHandler(exports.IncomingHandler):
    """The exported interface, which calls that of the next component."""

    def handle(self, ms: Message) -> None:
        """Adds the metadata entry `seen-by`, and calls the next component."""
        ms.add_metadata("seen-by", "python")
        incoming_handler.handle(ms)

    def subscribe(self) -> list[str]:
        """The next component chooses the topics."""
        return incoming_handler.subscribe()
