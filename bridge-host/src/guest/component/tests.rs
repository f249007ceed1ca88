//! Tests that a call leaves nothing behind in the store of its instance.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::guest::{Permissions, Runtime, Thread};
use crate::http::{AllowList, Settings};
use crate::message::Message;

const ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/forward.wasm"));

/// Returns the adapter, which posts to this URL.
fn adapter(url: &str, cache: &tempfile::TempDir) -> Component {
    let runtime = Runtime::new(cache.path(), 1 << 30, &Settings::default()).unwrap();
    let environment = Environment {
        settings: BTreeMap::from([("to.url".into(), url.into())]),
        connections: Arc::default(),
        allow: Arc::new(AllowList::default().with_endpoint(&url.parse().unwrap())),
        endpoint: None,
        permissions: Permissions::default(),
        limits: Limits::default(),
    };
    runtime
        .load(
            "adapter",
            ADAPTER,
            MessageHandlerProfile::ADAPTER,
            environment,
            Thread(0),
        )
        .unwrap()
}

async fn call(component: &Component) -> CallResult {
    let call = Call {
        message: Message::new("orders.new", b"{}".to_vec()).into(),
        id: MessageId::generate(),
        reply_to: Default::default(),
        timeout: Duration::from_secs(10),
    };
    component.handle(call).await.result
}

/// Returns whether the store of the idle instance is empty.
async fn holds_nothing(component: &Component) -> bool {
    let InstanceKind::Synchronous(pool) = &component.kind else {
        panic!("the adapter is synchronous");
    };
    let (lease, instance) = pool.take().await.unwrap();
    let nothing = instance.store.data().table.is_empty();
    lease.give_back(instance);
    nothing
}

/// Starts an endpoint that answers every request with 503.
async fn endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            while let Ok(1..) = peer.read(&mut request).await {
                let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy";
                peer.write_all(answer).await.unwrap();
            }
        }
    });
    url
}

#[tokio::test]
async fn an_exchange_leaves_nothing_in_its_store() {
    let cache = tempfile::tempdir().unwrap();
    let component = adapter(&endpoint().await, &cache);
    for _ in 0..3 {
        let result = call(&component).await;
        assert!(matches!(&result, CallResult::Connection(_)), "{result:?}");
        assert!(holds_nothing(&component).await);
    }
}

#[tokio::test]
async fn a_failed_exchange_leaves_nothing_in_its_store() {
    let cache = tempfile::tempdir().unwrap();
    let component = adapter("http://127.0.0.1:1/hook", &cache);
    let result = call(&component).await;
    assert!(matches!(&result, CallResult::Connection(_)), "{result:?}");
    assert!(holds_nothing(&component).await);
}
