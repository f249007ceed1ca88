//! The adapter as a component: messages in, HTTP requests out. Bindings around
//! `mapping` and nothing else.

wit_bindgen::generate!({
    path: "../../wit",
    world: "bridge:worlds/forward",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;
use wasi::http::outgoing_handler;
use wasi::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasi::io::streams::StreamError;

struct Adapter;

impl Guest for Adapter {
    fn handle(ms: Message) -> Result<(), Error> {
        let url = match store::get("to.url") {
            Ok(Some(url)) => url,
            _ => return Err(Error::Other("to.url is not set".into())),
        };
        let (scheme, rest) = match url.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            _ => return Err(Error::Other("to.url is neither http nor https".into())),
        };
        let path = rest.find('/').unwrap_or(rest.len());
        let fields = Fields::new();
        if let Some(kind) = ms.content_type() {
            _ = fields.append("content-type", kind.as_bytes());
        }
        for (key, value) in ms.metadata().unwrap_or_default() {
            _ = fields.append(&key, value.as_bytes());
        }
        let request = OutgoingRequest::new(fields);
        _ = request.set_method(&Method::Post);
        _ = request.set_scheme(Some(&scheme));
        _ = request.set_authority(Some(&rest[..path]));
        _ = request.set_path_with_query(Some(if path == rest.len() {
            "/"
        } else {
            &rest[path..]
        }));
        exchange(request, &ms.data())
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

fn exchange(request: OutgoingRequest, data: &[u8]) -> Result<(), Error> {
    let broken = || Error::Connection("the body could not be sent".into());
    let body = request.body().map_err(|()| broken())?;
    let response = outgoing_handler::handle(request, None)
        .map_err(|code| Error::Connection(format!("{code:?}")))?;
    write(&body, data).map_err(|_| broken())?;
    OutgoingBody::finish(body, None).map_err(|_| broken())?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(response))) => match response.status() {
            200..300 => Ok(()),
            status => Err(Error::Connection(format!("answered {status}"))),
        },
        Some(Ok(Err(code))) => Err(Error::Connection(format!("{code:?}"))),
        _ => Err(Error::Connection("no response".into())),
    }
}

fn write(body: &OutgoingBody, mut data: &[u8]) -> Result<(), StreamError> {
    let stream = body.write().map_err(|()| StreamError::Closed)?;
    while !data.is_empty() {
        let room = stream.check_write()? as usize;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = data.split_at(room.min(data.len()));
        stream.write(now)?;
        data = later;
    }
    Ok(())
}

export!(Adapter);
