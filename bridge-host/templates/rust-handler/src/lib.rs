//! An HTTP handler: `POST /greet` with a name returns a greeting. It uses no messaging
//! interface, and runs on any `wasi:http` server.

mod exchange;

wit_bindgen::generate!({
    path: "wit",
    world: "handler",
    generate_all,
});

use exports::wasi::http::incoming_handler::{Guest, IncomingRequest, ResponseOutparam};
use wasi::http::types::Method;

struct Handler;

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let (status, text) = match (request.method(), path) {
            (Method::Post, "/greet") => greet(&exchange::read(request)),
            (_, "/greet") => (405, "names are posted".into()),
            _ => (404, "there is only /greet".into()),
        };
        exchange::answer(out, status, &text);
    }
}

/// Returns the status and the text of the response.
fn greet(body: &[u8]) -> (u16, String) {
    match String::from_utf8_lossy(body).trim() {
        "" => (422, "whom to greet?".into()),
        name => {
            println!("greeting {name}");
            (200, format!("Hello, {name}!"))
        }
    }
}

export!(Handler);
