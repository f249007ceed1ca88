//! The HTTP client against real servers: connections kept, TLS, HTTP/2, what
//! may be reached, and how exchanges fail.

mod faults;
mod heads;
mod reach;
mod refused;
mod reuse;
mod secure;
mod server;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};

use bridge_host::http::{Allow, Client, HttpError, Options, ResponseBody, Settings, Upload};

type Body = Full<Bytes>;

fn client() -> Client<Body> {
    Client::new(&Settings::default()).unwrap()
}

/// Ample limits, and `endpoint` as the only place to reach.
fn options(endpoint: &str) -> Options {
    Options {
        connect_timeout: Duration::from_secs(10),
        first_byte_timeout: Duration::from_secs(10),
        deadline: None,
        between_bytes_timeout: Some(Duration::from_secs(10)),
        allow: Arc::new(Allow::default().with_endpoint(&endpoint.parse().unwrap())),
        upload: Upload::AtOnce,
    }
}

/// What `allow` lists, with an endpoint that nothing here is.
fn listed(allow: &[&str]) -> Options {
    let entries: Vec<_> = allow.iter().map(|entry| entry.to_string()).collect();
    let mut options = options("http://endpoint.invalid");
    options.allow = Arc::new(
        Allow::parse(&entries)
            .unwrap()
            .with_endpoint(&"http://endpoint.invalid".parse().unwrap()),
    );
    options
}

async fn post(
    client: &Client<Body>,
    url: &str,
    options: &Options,
) -> Result<Response<ResponseBody<Body>>, HttpError> {
    let request = Request::post(url).body(Full::from("ping")).unwrap();
    client.send(request, options).await
}

/// The status and the whole body of the response to one request.
async fn exchange(client: &Client<Body>, url: &str) -> Result<(u16, Bytes), HttpError> {
    let response = post(client, url, &options(url)).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}
