"""An HTTP handler in Python: it answers with what it was sent.

Built by `cargo xtask test` with componentize-py for the world `http-handler`
of the project's wit/, which is that of any server of wasi:http.
"""

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.types import (
    Fields,
    IncomingRequest,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)


class IncomingHandler(exports.IncomingHandler):
    """The exported interface: the body comes back, with a header of its own."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        """Reads all of the request, and answers 200."""
        data = read(request)
        headers = Fields.from_list([("content-type", b"text/plain"), ("x-by", b"python")])
        response = OutgoingResponse(headers)
        body = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        with body.write() as stream:
            for at in range(0, len(data), 4096):
                stream.blocking_write_and_flush(data[at : at + 4096])
        OutgoingBody.finish(body, None)


def read(request: IncomingRequest) -> bytes:
    """All of the request's body."""
    data = b""
    with request.consume() as body, body.stream() as stream:
        while True:
            try:
                data += stream.blocking_read(65536)
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return data
                raise
