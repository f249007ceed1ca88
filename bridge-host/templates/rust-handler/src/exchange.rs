//! Reads the body of a request and sends a text response with `wasi:http`.

use crate::wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

/// Returns the body of the request, up to a read error.
pub fn read(request: IncomingRequest) -> Vec<u8> {
    let mut read = Vec::new();
    let Ok(body) = request.consume() else {
        return read;
    };
    if let Ok(stream) = body.stream() {
        while let Ok(mut more) = stream.blocking_read(64 << 10) {
            read.append(&mut more);
        }
    }
    read
}

/// Sends the response. Errors are ignored, because the client has closed the connection.
pub fn answer(out: ResponseOutparam, status: u16, text: &str) {
    let headers = Fields::new();
    _ = headers.append("content-type", b"text/plain");
    let response = OutgoingResponse::new(headers);
    _ = response.set_status_code(status);
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    let Ok(body) = body else { return };
    if let Ok(stream) = body.write() {
        for part in text.as_bytes().chunks(4096) {
            _ = stream.blocking_write_and_flush(part);
        }
    }
    _ = OutgoingBody::finish(body, None);
}
