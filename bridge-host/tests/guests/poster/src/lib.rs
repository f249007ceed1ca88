//! An HTTP handler that publishes a message to the connection in the query of the
//! request, and answers with the result.

wit_bindgen::generate!({
    path: ["../../../../wit", "wit"],
    world: "test:poster/poster",
    generate_all,
});

use exports::wasi::http::incoming_handler::{Guest, IncomingRequest, ResponseOutparam};
use wasi::http::types::{Fields, OutgoingBody, OutgoingResponse};
use wasi::messaging::producer;
use wasi::messaging::types::{Client, Error, Message};

struct Poster;

impl Guest for Poster {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (_, name) = target.split_once('?').unwrap_or_default();
        let text = match publish(name) {
            Ok(()) => "sent".into(),
            Err(error) => format!("{error:?}"),
        };
        let response = OutgoingResponse::new(Fields::new());
        response.set_status_code(410).expect("a status");
        let body = response.body().expect("its body");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("its stream");
        let written = stream.blocking_write_and_flush(text.as_bytes());
        written.expect("a reader");
        drop(stream);
        OutgoingBody::finish(body, None).expect("a finished body");
    }
}

fn publish(name: &str) -> Result<(), Error> {
    let message = Message::new("posted", b"by hand");
    message.add_metadata("webhook-id", "its-own");
    message.add_metadata("x-kept", "no");
    message.add_metadata("x-kept", "yes");
    producer::send(Client::connect(name)?, message)
}

export!(Poster);
