"""An HTTP handler in Python that echoes the request's body.

`cargo xtask test` builds it with componentize-py for the world `http-handler`
of the project's wit/, which any server for wasi:http provides.
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
    """The exported interface: it returns the body with one more header."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        """Reads the whole request, and answers 200."""
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
