//! Posts each message with a request trailer, and fails with the trailers of the
//! response as the reason, for tests.

wit_bindgen::generate!({
    path: "../../../../wit",
    inline: "
        package test:trailer;
        world trailer {
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
    Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasi::io::streams::StreamError;
use wasi::messaging::types::{Error, Message};

struct Trailer;

impl Guest for Trailer {
    fn handle(ms: Message) -> Result<(), Error> {
        let url = store::get("to.url").expect("settings").expect("a URL");
        let response = post(url.trim_start_matches("http://"), &ms.data());
        let (body, trailers) = read(&response);
        Err(Error::Other(format!("{} {trailers:?}", body.len())))
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

fn post(url: &str, data: &[u8]) -> IncomingResponse {
    let (authority, path) = url.split_once('/').expect("a path");
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Post).expect("a method");
    request.set_scheme(Some(&Scheme::Http)).expect("http");
    request.set_authority(Some(authority)).expect("a host");
    let path = format!("/{path}");
    request.set_path_with_query(Some(&path)).expect("a path");
    let body = request.body().expect("its body");
    let response = outgoing_handler::handle(request, None).expect("a request");
    let stream = body.write().expect("its stream");
    for part in data.chunks(4096) {
        stream.blocking_write_and_flush(part).expect("a reader");
    }
    drop(stream);
    let checksum = ("x-checksum".to_owned(), data.len().to_string().into_bytes());
    let trailers = Fields::from_list(&[checksum]).expect("legal");
    OutgoingBody::finish(body, Some(trailers)).expect("a finished body");
    response.subscribe().block();
    response
        .get()
        .expect("ready")
        .expect("once")
        .expect("a response")
}

/// Returns the whole body and the trailers.
fn read(response: &IncomingResponse) -> (Vec<u8>, Vec<(String, String)>) {
    let body = response.consume().expect("its body");
    let stream = body.stream().expect("its stream");
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(mut more) => all.append(&mut more),
            Err(StreamError::Closed) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    drop(stream);
    let coming = IncomingBody::finish(body);
    coming.subscribe().block();
    let trailers = coming.get().expect("ready").expect("once").expect("whole");
    let entries = trailers.map(|fields| fields.entries()).unwrap_or_default();
    let text = |value: Vec<u8>| String::from_utf8(value).expect("text");
    let entries = entries.into_iter().map(|(name, value)| (name, text(value)));
    (all, entries.collect())
}

export!(Trailer);
