"""The order service in Python: an ordinary HTTP handler.

It knows nothing of messages. `build.sh` makes a component of it, for the world
`http-handler` of the project's wit/, which is that of any server of wasi:http.
"""

import json
from collections.abc import Sequence

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

Headers = Sequence[tuple[str, bytes]]


class IncomingHandler(exports.IncomingHandler):
    """The exported interface."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        """Answers one request."""
        path = (request.path_with_query() or "").split("?")[0]
        if path != "/orders":
            answer(response_out, 404, {"detail": "there is only /orders"})
        elif not isinstance(request.method(), Method_Post):
            answer(response_out, 405, {"detail": "orders are posted"})
        else:
            take(read(request), response_out)


def take(data: bytes, response_out: ResponseOutparam) -> None:
    """Takes an order: one that cannot be read will never be, one for nothing is refused."""
    try:
        order = json.loads(data)
        number, amount = whole(order, "id"), whole(order, "amount")
    except ValueError as error:
        answer(response_out, 400, {"detail": str(error)})
        return
    if amount == 0:
        answer(response_out, 422, {"detail": "an order is for something"})
        return
    total = amount + amount // 5
    confirmation = {"order": number, "total": total, "status": "confirmed"}
    location = ("location", f"/orders/{number}".encode())
    answer(response_out, 201, confirmation, [location])


def whole(order: object, name: str) -> int:
    """A whole number of the order's."""
    value = order.get(name) if isinstance(order, dict) else None
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is no whole number")
    return value


def answer(out: ResponseOutparam, status: int, body: dict, headers: Headers = ()) -> None:
    """Sends a response of JSON."""
    data = json.dumps(body, separators=(",", ":")).encode()
    fields = [("content-type", b"application/json"), *headers]
    response = OutgoingResponse(Fields.from_list(fields))
    response.set_status_code(status)
    outgoing = response.body()
    ResponseOutparam.set(out, Ok(response))
    with outgoing.write() as stream:
        for at in range(0, len(data), 4096):
            stream.blocking_write_and_flush(data[at : at + 4096])
    OutgoingBody.finish(outgoing, None)


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
