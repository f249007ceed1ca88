//! The best native form: one current-thread runtime, a loop, the bridge's own
//! HTTP client, no component.

use std::sync::Arc;
use std::time::Duration;

use bridge_host::broker::{Incoming, Settlement, Subscription};
use bridge_host::http::{Allow, Client, Options, Settings};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;

use crate::IN_FLIGHT;

/// Forwards so many messages.
pub async fn forward(mut subscription: Box<dyn Subscription>, url: &str, messages: usize) {
    let url: Uri = url.parse().expect("a URL");
    let client = Client::<Full<Bytes>>::new(&Settings::default()).expect("a client");
    let timeout = Duration::from_secs(30);
    let options = Arc::new(Options {
        connect_timeout: timeout,
        first_byte_timeout: timeout,
        between_bytes_timeout: Some(timeout),
        allow: Arc::new(Allow::default().with_endpoint(&url)),
    });
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    for _ in 0..messages {
        let place = places.clone().acquire_owned().await.expect("open");
        let incoming = subscription.next().await.expect("a message");
        let (client, options, url) = (client.clone(), options.clone(), url.clone());
        tokio::spawn(async move {
            post(incoming, &client, &options, url).await;
            drop(place);
        });
    }
    let _ = places.acquire_many(IN_FLIGHT as u32).await.expect("open");
}

async fn post(incoming: Incoming, client: &Client<Full<Bytes>>, options: &Options, url: Uri) {
    let message = incoming.message;
    let mut request = Request::post(url)
        .header("message-topic", message.topic)
        .header(
            "content-type",
            message.content_type.expect("a content-type"),
        )
        .header("content-length", message.data.len())
        .header("webhook-id", incoming.id.as_str());
    for (key, value) in message.metadata {
        request = request.header(key, value);
    }
    let request = request.body(Full::new(message.data)).expect("a request");
    let response = client.send(request, options).await.expect("a response");
    assert!(response.status().is_success());
    response.into_body().collect().await.expect("a body");
    let settled = incoming.receipt.settle(Settlement::Delivered).await;
    settled.expect("settled");
}
