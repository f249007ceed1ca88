//! Sends each message to its endpoint twice, as `/first` and as `/second`, and
//! waits only for the second response.

wit_bindgen::generate!({
    path: "../../../../wit",
    inline: "
        package test:pair;
        world pair {
            include bridge:worlds/webhook@0.1.0;
            include bridge:worlds/forward@0.1.0;
        }
    ",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::Guest;
use wasi::config::store;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasi::messaging::types::{Error, Message};

struct Pair;

impl Guest for Pair {
    fn handle(ms: Message) -> Result<(), Error> {
        let url = store::get("to.url").expect("settings").expect("a URL");
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        let first = post(authority, "/first", &ms.data());
        let second = post(authority, "/second", &ms.data());
        second.subscribe().block();
        drop(first);
        let response = second.get().expect("ready").expect("once");
        response
            .map(drop)
            .map_err(|code| Error::Other(code.to_string()))
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

/// Starts a request whose body is complete.
fn post(authority: &str, path: &str, data: &[u8]) -> FutureIncomingResponse {
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Post).expect("a method");
    request.set_scheme(Some(&Scheme::Http)).expect("http");
    request.set_authority(Some(authority)).expect("a host");
    request.set_path_with_query(Some(path)).expect("a path");
    let body = request.body().expect("its body");
    let stream = body.write().expect("its stream");
    stream.write(data).expect("room");
    drop(stream);
    OutgoingBody::finish(body, None).expect("a finished body");
    outgoing_handler::handle(request, None).expect("a request")
}

export!(Pair);
