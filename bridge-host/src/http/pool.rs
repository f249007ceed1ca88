//! Connections kept between requests: idle ones over HTTP/1.1, a shared one
//! over HTTP/2, for each scheme and authority.
//!
//! Not hyper-util's client: that costs a forwarder a third of its
//! instructions, this a lookup and a stack.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use http_body::Body;
use hyper::client::conn::http2;

use super::Settings;
use super::http1::Http1;
use super::target::Target;

/// The way into a connection.
pub(super) enum Sender<B> {
    Http1(Http1<B>),
    Http2(http2::SendRequest<B>),
}

/// All connections of a client.
pub(super) struct Pool<B> {
    slots: Mutex<HashMap<Target, Arc<Slot<B>>>>,
    idle_timeout: Duration,
    max_idle: usize,
}

/// The connections to one authority.
pub(super) struct Slot<B> {
    /// Said in each request over HTTP/1.1.
    pub host_header: HeaderValue,
    /// Held while the first connection is made, so that a burst of requests
    /// does not open one each to a server that speaks HTTP/2.
    pub first: tokio::sync::Mutex<()>,
    kept: Mutex<Kept<B>>,
    idle_timeout: Duration,
    max_idle: usize,
}

struct Kept<B> {
    /// The one given back last is taken first, so that the others grow old.
    idle: Vec<Idle<Http1<B>>>,
    shared: Option<Idle<http2::SendRequest<B>>>,
    speaks_http1: bool,
}

struct Idle<S> {
    sender: S,
    peer: SocketAddr,
    since: Instant,
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// An empty one.
    pub fn new(settings: &Settings) -> Self {
        Self {
            slots: Mutex::default(),
            idle_timeout: settings.idle_timeout.min(Settings::MAX_IDLE_TIMEOUT),
            max_idle: settings.max_idle,
        }
    }

    /// Another of the same settings, without the connections.
    pub fn empty(&self) -> Self {
        Self {
            slots: Mutex::default(),
            idle_timeout: self.idle_timeout,
            max_idle: self.max_idle,
        }
    }

    /// The place for connections to `target`.
    pub fn slot(&self, target: &Target) -> Arc<Slot<B>> {
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.get(target) {
            return slot.clone();
        }
        let slot = Arc::new(Slot {
            host_header: target.host_header(),
            first: tokio::sync::Mutex::default(),
            kept: Mutex::new(Kept {
                idle: Vec::new(),
                shared: None,
                speaks_http1: !target.tls,
            }),
            idle_timeout: self.idle_timeout,
            max_idle: self.max_idle,
        });
        slots.insert(target.clone(), slot.clone());
        slot
    }

    /// Closes what is idle for too long, and forgets authorities without
    /// connections that nobody talks to.
    pub fn sweep(&self) {
        lock(&self.slots).retain(|_, slot| {
            let kept = slot.sweep();
            kept || Arc::strong_count(slot) > 1
        });
    }

    /// How often to sweep.
    pub fn sweep_interval(&self) -> Duration {
        (self.idle_timeout / 4).max(Duration::from_millis(10))
    }
}

impl<B> Slot<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Takes a live connection to a peer that `permits` agrees to. The others
    /// stay, for requests that may use them.
    pub fn take(&self, permits: impl Fn(SocketAddr) -> bool) -> Option<(Sender<B>, SocketAddr)> {
        let now = Instant::now();
        let mut kept = lock(&self.kept);
        if let Some(shared) = &mut kept.shared {
            if shared.sender.is_closed() {
                kept.shared = None;
            } else if permits(shared.peer) {
                shared.since = now;
                return Some((Sender::Http2(shared.sender.clone()), shared.peer));
            }
        }
        let mut at = kept.idle.len();
        while at > 0 {
            at -= 1;
            if !kept.idle[at].is_fresh(now, self.idle_timeout) || kept.idle[at].sender.is_closed() {
                kept.idle.remove(at);
            } else if permits(kept.idle[at].peer) {
                let idle = kept.idle.remove(at);
                return Some((Sender::Http1(idle.sender), idle.peer));
            }
        }
        None
    }

    /// Whether a connection may be made without waiting for another's: it is
    /// known that they are not shared.
    pub fn speaks_http1(&self) -> bool {
        lock(&self.kept).speaks_http1
    }

    /// Notes what a new connection speaks, and shares it where it can be.
    pub fn learn(&self, sender: &Sender<B>, peer: SocketAddr) {
        let mut kept = lock(&self.kept);
        kept.speaks_http1 = matches!(sender, Sender::Http1(_));
        if let Sender::Http2(sender) = sender {
            kept.shared = Some(Idle::new(sender.clone(), peer));
        }
    }

    /// Takes back a connection whose exchange is over. One that is not ready
    /// for the next yet is waited for in the background, for a moment.
    pub fn give_back(self: Arc<Self>, mut connection: Http1<B>, peer: SocketAddr) {
        const MOMENT: Duration = Duration::from_secs(1);
        if connection.is_ready() {
            self.keep(connection, peer);
        } else if !connection.is_closed()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                match tokio::time::timeout(MOMENT, connection.ready()).await {
                    Ok(Ok(())) => self.keep(connection, peer),
                    // A request may go on after its response.
                    _ => connection.finish().await,
                }
            });
        }
    }

    fn keep(&self, connection: Http1<B>, peer: SocketAddr) {
        let mut kept = lock(&self.kept);
        if kept.idle.len() < self.max_idle {
            kept.idle.push(Idle::new(connection, peer));
        }
    }

    /// Whether anything is left.
    fn sweep(&self) -> bool {
        let now = Instant::now();
        let mut kept = lock(&self.kept);
        kept.idle
            .retain_mut(|idle| idle.is_fresh(now, self.idle_timeout) && !idle.sender.is_closed());
        // Without its place here the connection closes once the exchanges under
        // way are over.
        kept.shared.take_if(|shared| {
            !shared.is_fresh(now, self.idle_timeout) || shared.sender.is_closed()
        });
        !kept.idle.is_empty() || kept.shared.is_some()
    }
}

impl<S> Idle<S> {
    fn new(sender: S, peer: SocketAddr) -> Self {
        Self {
            sender,
            peer,
            since: Instant::now(),
        }
    }

    fn is_fresh(&self, now: Instant, timeout: Duration) -> bool {
        now.duration_since(self.since) < timeout
    }
}

/// What is behind these locks is whole at every step, so one poisoned by a
/// panic elsewhere serves as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
