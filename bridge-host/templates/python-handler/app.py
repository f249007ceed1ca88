"""An HTTP handler: `POST /greet` with a name returns a greeting.

It uses no messaging interface, and runs on any wasi:http server.
"""

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.types import (
    Fields,
    IncomingRequest,
    Method_Post,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)


class IncomingHandler(exports.IncomingHandler):
    """The exported interface."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        """Answers one request."""
        path = (request.path_with_query() or "").split("?")[0]
        if path != "/greet":
            answer(response_out, 404, "there is only /greet")
        elif not isinstance(request.method(), Method_Post):
            answer(response_out, 405, "names are posted")
        elif name := read(request).decode(errors="replace").strip():
            answer(response_out, 200, f"Hello, {name}!")
        else:
            answer(response_out, 422, "whom to greet?")


def answer(out: ResponseOutparam, status: int, text: str) -> None:
    """Sends a response of text."""
    data = text.encode()
    response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain")]))
    response.set_status_code(status)
    outgoing = response.body()
    ResponseOutparam.set(out, Ok(response))
    with outgoing.write() as stream:
        for at in range(0, len(data), 4096):
            stream.blocking_write_and_flush(data[at : at + 4096])
    OutgoingBody.finish(outgoing, None)


def read(request: IncomingRequest) -> bytes:
    """Returns the whole body of the request."""
    data = b""
    with request.consume() as body, body.stream() as stream:
        while True:
            try:
                data += stream.blocking_read(65536)
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return data
                raise
