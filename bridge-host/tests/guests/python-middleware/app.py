"""A middleware in Python: it marks each message and passes it on.

Built by `cargo xtask test` with componentize-py against the project's wit/,
world `middleware`. An error of the next component passes through unchanged.
"""

from wit_world import exports
from wit_world.imports import incoming_handler
from wit_world.imports.types import Message


class IncomingHandler(exports.IncomingHandler):
    """The exported interface: the next component's, with one entry added."""

    def handle(self, ms: Message) -> None:
        """Adds the metadata entry `seen-by`, and calls the next component."""
        ms.add_metadata("seen-by", "python")
        incoming_handler.handle(ms)

    def subscribe(self) -> list[str]:
        """The topics are the next component's to choose."""
        return incoming_handler.subscribe()
