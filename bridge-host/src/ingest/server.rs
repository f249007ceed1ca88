//! The listener: so many connections and no more, and a stop that lets what is
//! under way finish.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Settings;
use super::route::Intake;
use crate::admin::Admin;
use crate::broker::Broker;

/// Further publishers wait in the system's queue.
const MAX_CONNECTIONS: usize = 1024;
/// A connection without a request for so long is closed.
const IDLE: Duration = Duration::from_secs(75);
/// Requests under way at a stop have so long to end.
const GRACE: Duration = Duration::from_secs(10);
/// One entry of metadata is a header, and a thousand must do.
const MAX_HEADERS: usize = 2048;
/// The head of a request, in bytes.
const MAX_HEAD: usize = 1 << 20;

/// Serves publishers and operators until `shutdown` completes, then lets the
/// requests under way end.
pub async fn serve(
    listener: TcpListener,
    broker: Arc<dyn Broker>,
    settings: Settings,
    admin: Arc<Admin>,
    shutdown: impl Future<Output = ()>,
) {
    let intake = Arc::new(Intake::new(broker, admin, settings));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (accept(&listener).await, slot)
        };
        tokio::select! {
            (stream, slot) = next => {
                let connection = serve_one(stream, intake.clone(), stopped.clone());
                connections.spawn(async {
                    let _slot = slot;
                    connection.await;
                });
            }
            Some(_) = connections.join_next() => {}
            () = &mut shutdown => break,
        }
    }
    // Nobody new; those who are here see the channel close.
    drop((listener, stop));
    let rest = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, rest).await.is_err() {
        tracing::warn!("publishers that were still sending are cut off");
    }
}

/// The next connection. A failure to accept is the machine's, and passes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve_one(stream: TcpStream, intake: Arc<Intake>, mut stopped: watch::Receiver<()>) {
    // An answer is small, and must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let intake = intake.clone();
        async move { Ok::<_, Infallible>(intake.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        // Nothing is ever sent on it: this is its end.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a publisher's connection ended");
    }
}
