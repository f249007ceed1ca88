//! A running intake with its broker, and a client for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use bridge_host::admin::{Admin, Ledger, Phase};
use bridge_host::broker::embedded::Embedded;
use bridge_host::broker::{Broker, Incoming, Settlement, Start, SubscribeSpec, Subscription};
use bridge_host::http::{AllowList, Client, RequestOptions, Settings, Upload};
use bridge_host::ingest::{self, IntakeState};
use bridge_host::message::TopicPattern;
use bridge_host::store;
use bridge_host::trouble::Troubles;

pub type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// An intake in this process, until it is dropped or stopped.
pub struct Running {
    pub admin: Arc<Admin>,
    outside: Outside,
    subscription: Mutex<Box<dyn Subscription>>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    _folder: TempDir,
}

struct Books;

#[async_trait]
impl Ledger for Books {
    async fn read(&self) -> Result<Value, String> {
        Ok(json!({ "books": "balanced" }))
    }
}

impl Running {
    pub async fn start() -> Self {
        Self::start_with(ingest::Settings::default()).await
    }

    pub async fn start_with(settings: ingest::Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, settings).await
    }

    pub async fn start_on(listener: TcpListener, settings: ingest::Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Embedded::open(store::Settings {
            path: folder.path().into(),
            ..store::Settings::default()
        });
        let broker = Arc::new(broker.unwrap());
        let spec = SubscribeSpec {
            start: Start::All,
            name: "all".into(),
            topics: vec![TopicPattern::parse(">").unwrap()],
            ordered: false,
            longest_wait: std::time::Duration::from_secs(3600),
            in_flight: 64,
        };
        let subscription = Mutex::new(broker.subscribe(spec).await.unwrap());
        let url = format!("http://{}", listener.local_addr().unwrap());
        let troubles = Troubles::default();
        let admin = Arc::new(Admin::new(troubles.clone()));
        admin.set_sources(Books, || None);
        admin.set_phase(Phase::Running);
        let publishing = Arc::new(IntakeState::default());
        publishing.open(broker, None);
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(ingest::serve(
            listener,
            publishing,
            settings,
            admin.clone(),
            troubles,
            async move {
                let _ = stopped.await;
                ingest::SHUTDOWN_GRACE
            },
        ));
        Self {
            admin,
            outside: Outside::new(&url),
            subscription,
            stop,
            served,
            _folder: folder,
        }
    }

    /// Returns the next message, and settles it.
    pub async fn next(&self) -> Incoming {
        let mut subscription = self.subscription.lock().await;
        let mut incoming = subscription.next().await.unwrap();
        let receipt = std::mem::replace(&mut incoming.receipt, Box::new(Settled));
        receipt.settle(Settlement::Delivered).await.unwrap();
        incoming
    }

    pub fn url(&self) -> &str {
        &self.outside.url
    }

    pub fn post(&self, path: &str) -> Post {
        self.outside.post(path)
    }

    pub fn request(&self, method: Method, path: &str) -> Post {
        self.outside.request(method, path)
    }

    /// Returns when the listener has ended.
    pub fn stop(self) -> impl Future<Output = ()> {
        let Self {
            served,
            stop,
            _folder,
            ..
        } = self;
        stop.send(()).unwrap();
        async move {
            served.await.unwrap();
            // Requests in progress are still written to it.
            drop(_folder);
        }
    }
}

/// A client for any server.
pub struct Outside {
    url: String,
    client: Client<Body>,
}

impl Outside {
    pub fn new(url: &str) -> Self {
        Self {
            url: url.into(),
            client: Client::new(&Settings::default()).unwrap(),
        }
    }

    pub fn post(&self, path: &str) -> Post {
        self.request(Method::POST, path)
    }

    pub fn request(&self, method: Method, path: &str) -> Post {
        let url = format!("{}{path}", self.url);
        let request = Request::builder().method(method).uri(&url);
        Post {
            request: request.body(()).unwrap(),
            client: self.client.clone(),
        }
    }
}

/// A receipt for a message whose own receipt was used.
struct Settled;

#[async_trait]
impl bridge_host::broker::Receipt for Settled {
    fn capabilities(&self) -> bridge_host::broker::Capabilities {
        bridge_host::broker::embedded::CAPABILITIES
    }

    async fn extend(&mut self, _: Duration) -> Result<(), bridge_host::broker::BrokerError> {
        Ok(())
    }

    async fn settle(self: Box<Self>, _: Settlement) -> Result<(), bridge_host::broker::Unsettled> {
        Ok(())
    }
}

/// A request that is being built.
pub struct Post {
    request: Request<()>,
    client: Client<Body>,
}

/// A response.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns each line of the body as JSON.
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.body.split(|byte| *byte == b'\n');
        lines
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

impl Post {
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.request.headers_mut().append(name, value);
        self
    }

    pub fn send(self, data: impl Into<Bytes>) -> impl Future<Output = Reply> {
        self.send_body(Full::new(data.into()).boxed_unsync())
    }

    pub fn send_chunked(self, chunks: Vec<Vec<u8>>) -> impl Future<Output = Reply> {
        let (body, sender) = channel();
        tokio::spawn(async move {
            for chunk in chunks {
                sender.send(chunk.into()).await.unwrap();
            }
        });
        self.send_body(body)
    }

    pub async fn send_body(self, body: Body) -> Reply {
        let limit = Duration::from_secs(60);
        let options = RequestOptions {
            connect_timeout: limit,
            first_byte_timeout: limit,
            deadline: None,
            between_bytes_timeout: Some(limit),
            allow: Arc::new(AllowList::default().with_endpoint(self.request.uri())),
            upload: Upload::Streamed,
        };
        let request = self.request.map(|()| body);
        let response = self.client.send(request, &options).await.unwrap();
        let (head, body) = response.into_parts();
        Reply {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }
}

/// Returns a body of unknown length, and the channel that feeds it.
pub fn channel() -> (Body, mpsc::Sender<Bytes>) {
    let (sender, receiver) = mpsc::channel(1);
    (Fed(receiver).boxed_unsync(), sender)
}

struct Fed(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Fed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(cx)
            .map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}
