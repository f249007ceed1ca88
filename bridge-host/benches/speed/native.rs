//! The native forwarder: one current-thread runtime, a loop, and the bridge's own
//! HTTP client, without a component.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull;
use bridge_host::broker::{Incoming, Settlement, Subscription};
use bridge_host::http::{AllowList, Client, RequestOptions, Settings, Upload};
use bytes::Bytes;
use futures_util::StreamExt;
use http::request::Builder;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;

use crate::IN_FLIGHT;

/// The endpoint and the client.
#[derive(Clone)]
struct Target {
    client: Client<Full<Bytes>>,
    options: Arc<RequestOptions>,
    url: Uri,
}

impl Target {
    fn new(url: &str) -> Self {
        let url: Uri = url.parse().expect("a URL");
        let timeout = Duration::from_secs(30);
        Self {
            client: Client::new(&Settings::default()).expect("a client"),
            options: Arc::new(RequestOptions {
                connect_timeout: timeout,
                first_byte_timeout: timeout,
                deadline: None,
                between_bytes_timeout: Some(timeout),
                allow: Arc::new(AllowList::default().with_endpoint(&url)),
                upload: Upload::Complete,
            }),
            url,
        }
    }

    async fn send(&self, request: Builder, data: Bytes) {
        let request = request.header("content-length", data.len());
        let request = request.body(Full::new(data)).expect("a request");
        let response = self.client.send(request, &self.options).await;
        let response = response.expect("a response");
        assert!(response.status().is_success());
        response.into_body().collect().await.expect("a body");
    }
}

/// Forwards this many messages from the client's stream of messages.
pub async fn forward_from_jetstream(mut from: pull::Stream, url: &str, messages: usize) {
    let target = Target::new(url);
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    for _ in 0..messages {
        let place = places.clone().acquire_owned().await.expect("open");
        let message = from.next().await.expect("open").expect("a message");
        let target = target.clone();
        tokio::spawn(async move {
            let mut request =
                Request::post(target.url.clone()).header("message-topic", message.subject.as_str());
            for (name, values) in message.headers.iter().flat_map(HeaderMap::iter) {
                let name: &str = match name.as_ref() {
                    "Nats-Msg-Id" => "webhook-id",
                    name => name,
                };
                for value in values {
                    request = request.header(name, value.as_str());
                }
            }
            target.send(request, message.payload.clone()).await;
            message.ack().await.expect("acknowledged");
            drop(place);
        });
    }
    let _ = places.acquire_many(IN_FLIGHT as u32).await.expect("open");
}

/// Forwards this many messages.
pub async fn forward(mut subscription: Box<dyn Subscription>, url: &str, messages: usize) {
    let target = Target::new(url);
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    for _ in 0..messages {
        let place = places.clone().acquire_owned().await.expect("open");
        let incoming = subscription.next().await.expect("a message");
        let target = target.clone();
        tokio::spawn(async move {
            post(incoming, &target).await;
            drop(place);
        });
    }
    let _ = places.acquire_many(IN_FLIGHT as u32).await.expect("open");
}

async fn post(incoming: Incoming, target: &Target) {
    let message = Arc::unwrap_or_clone(incoming.message);
    let mut request = Request::post(target.url.clone())
        .header("message-topic", message.topic)
        .header(
            "content-type",
            message.content_type.expect("a content-type"),
        )
        .header("webhook-id", incoming.id.as_str());
    for (key, value) in message.metadata {
        request = request.header(key, value);
    }
    target.send(request, message.data).await;
    let settled = incoming.receipt.settle(Settlement::Delivered).await;
    settled.expect("settled");
}
