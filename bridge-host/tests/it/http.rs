//! The HTTP client with real servers: connection reuse, TLS, HTTP/2, the allow list, and failed
//! exchanges.

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

use bridge_host::http::{
    AllowList, Client, HttpError, RequestOptions, ResponseBody, Settings, Upload,
};

type Body = Full<Bytes>;

fn client() -> Client<Body> {
    Client::new(&Settings::default()).unwrap()
}

/// Returns options with long time limits that allow only `endpoint`.
fn options(endpoint: &str) -> RequestOptions {
    RequestOptions {
        connect_timeout: Duration::from_secs(10),
        first_byte_timeout: Duration::from_secs(10),
        deadline: None,
        between_bytes_timeout: Some(Duration::from_secs(10)),
        allow: Arc::new(AllowList::default().with_endpoint(&endpoint.parse().unwrap())),
        upload: Upload::Complete,
    }
}

/// Returns options with this allow list, and an endpoint that no test uses.
fn listed(allow: &[&str]) -> RequestOptions {
    let entries: Vec<_> = allow.iter().map(|entry| entry.to_string()).collect();
    let mut options = options("http://endpoint.invalid");
    options.allow = Arc::new(
        AllowList::parse(&entries)
            .unwrap()
            .with_endpoint(&"http://endpoint.invalid".parse().unwrap()),
    );
    options
}

async fn post(
    client: &Client<Body>,
    url: &str,
    options: &RequestOptions,
) -> Result<Response<ResponseBody<Body>>, HttpError> {
    let request = Request::post(url).body(Full::from("ping")).unwrap();
    client.send(request, options).await
}

/// Returns the status and the complete body of the response to one request.
async fn exchange(client: &Client<Body>, url: &str) -> Result<(u16, Bytes), HttpError> {
    let response = post(client, url, &options(url)).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}
