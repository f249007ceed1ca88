//! A component that makes the host hold as much as possible, for tests. The text
//! after `hog.` in the topic says what the host holds. The component traps at the
//! limit.

wit_bindgen::generate!({
    path: ["../../../../wit", "wit"],
    world: "test:hog/hog",
    generate_all,
});

use std::mem::forget;

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::cli::stderr::get_stderr;
use wasi::http::outgoing_handler;
use wasi::http::types::{Fields, OutgoingRequest, Scheme};

struct Hog;

impl Guest for Hog {
    fn handle(ms: Message) -> Result<(), Error> {
        let topic = ms.topic();
        let text = String::from_utf8_lossy(&ms.data()).into_owned();
        match topic.strip_prefix("hog.").unwrap_or(&topic) {
            "fields" => loop {
                forget(large_fields());
            },
            "copies" => {
                let large = large_fields();
                loop {
                    let copy = large.clone();
                    copy.append("x-more", b"more").expect("a header");
                    forget(copy);
                }
            }
            "targets" => loop {
                let path = "/".repeat(60_000);
                let request = OutgoingRequest::new(Fields::new());
                request.set_path_with_query(Some(&path)).expect("a path");
                forget(request);
            },
            "bodies" => loop {
                let request = OutgoingRequest::new(Fields::new());
                let body = request.body().expect("its body");
                let stream = body.write().expect("its stream");
                stream.write(&[b'x'; 64 << 10]).expect("room");
                forget((request, body, stream));
            },
            "resources" => loop {
                forget(Fields::new());
            },
            "denied" => loop {
                let _ = ask(&"x".repeat(10_000)).map(drop);
            },
            "requests" => loop {
                forget(ask(&text).expect("an exchange"));
            },
            "print" => {
                for _ in 0..100_000 {
                    print(b"all work and no play makes a dull hog\n");
                }
                Ok(())
            }
            "trap" => {
                print(b"the hog is about\nto fail: \x1b[1m");
                print(text.as_bytes());
                panic!("told to trap");
            }
            "ok" => Ok(()),
            verb => Err(Error::Other(format!("the hog cannot {verb:?}"))),
        }
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

fn large_fields() -> Fields {
    let fields = Fields::new();
    let value = vec![b'x'; 256 << 10];
    fields.append("x-large", &value).expect("a header");
    fields
}

/// Starts a request without waiting for the response.
fn ask(
    authority: &str,
) -> Result<wasi::http::types::FutureIncomingResponse, wasi::http::types::ErrorCode> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("http");
    request.set_authority(Some(authority)).expect("a host");
    request.set_path_with_query(Some("/")).expect("a path");
    outgoing_handler::handle(request, None)
}

fn print(text: &[u8]) {
    let printed = get_stderr().blocking_write_and_flush(text);
    printed.expect("the log");
}

export!(Hog);
