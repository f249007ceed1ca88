//! Connections kept between requests: idle ones over HTTP/1.1, shared ones over
//! HTTP/2, for each scheme and authority.
//!
//! Not hyper-util's client: that costs a forwarder a third of its
//! instructions, this a lookup and a stack.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use http_body::Body;

use super::Settings;
use super::http1::Http1;
use super::http2::Http2;
use super::target::Target;
use crate::trouble::descriptors::{self, DescriptorPermit, DescriptorQuota};

/// The way into a connection.
pub(super) enum Sender<B> {
    Http1(Http1<B>),
    Http2(Http2<B>),
}

/// All connections of a client.
pub(super) struct Pool<B> {
    slots: Mutex<HashMap<Target, Arc<Slot<B>>>>,
    limits: Limits,
}

/// What is kept, and for how long.
#[derive(Clone)]
struct Limits {
    idle_timeout: Duration,
    max_idle: usize,
    /// The idle connections that all clients of the process may keep.
    all_idle: DescriptorQuota,
    max_age: Duration,
}

/// The connections to one authority.
pub(super) struct Slot<B> {
    /// Said in each request over HTTP/1.1.
    pub host_header: HeaderValue,
    /// Held while the first connection is made, so that a burst of requests
    /// does not open one each to a server that speaks HTTP/2.
    pub first: tokio::sync::Mutex<()>,
    /// The host, for errors.
    pub host: Box<str>,
    kept: Mutex<Kept<B>>,
    limits: Limits,
}

struct Kept<B> {
    /// The one given back last is taken first, so that the others grow old.
    idle: Vec<(Idle<Http1<B>>, DescriptorPermit)>,
    /// As many as their exchanges need.
    shared: Vec<Idle<Http2<B>>>,
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
            limits: Limits {
                idle_timeout: settings.idle_timeout.min(Settings::MAX_IDLE_TIMEOUT),
                max_idle: settings.max_idle,
                all_idle: DescriptorQuota::new(descriptors::for_idle(descriptors::limit())),
                max_age: settings.max_connection_age,
            },
        }
    }

    /// Another of the same settings, without the connections. How many may be
    /// idle is counted together.
    pub fn empty(&self) -> Self {
        Self {
            slots: Mutex::default(),
            limits: self.limits.clone(),
        }
    }

    /// The place for connections to `target`.
    pub fn slot(&self, target: &Target) -> Arc<Slot<B>> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(target) {
            return slot.clone();
        }
        let slot = Arc::new(Slot {
            host_header: target.host_header(),
            host: target.host().into(),
            first: tokio::sync::Mutex::default(),
            kept: Mutex::new(Kept {
                idle: Vec::new(),
                shared: Vec::new(),
                speaks_http1: !target.tls,
            }),
            limits: self.limits.clone(),
        });
        slots.insert(target.clone(), slot.clone());
        slot
    }

    /// Closes what is idle for too long, and forgets authorities without
    /// connections that nobody talks to.
    pub fn sweep(&self) {
        self.slots.lock().retain(|_, slot| {
            let kept = slot.sweep();
            kept || Arc::strong_count(slot) > 1
        });
    }

    /// Closes the connection that has been idle for the longest time, if that
    /// is at least `unused`. Returns whether there was one.
    pub fn close_oldest(&self, unused: Duration) -> bool {
        let (slots, now) = (self.slots.lock(), Instant::now());
        // The first of a slot is its oldest.
        let oldest = slots.values().filter_map(|slot| {
            let since = slot.kept.lock().idle.first()?.0.since;
            Some((since, slot))
        });
        let oldest = oldest.filter(|(since, _)| now.duration_since(*since) >= unused);
        let oldest = oldest.min_by_key(|(since, _)| *since);
        oldest.is_some_and(|(_, slot)| {
            let mut kept = slot.kept.lock();
            let any = !kept.idle.is_empty();
            any.then(|| kept.idle.remove(0)).is_some()
        })
    }

    /// How often to sweep.
    pub fn sweep_interval(&self) -> Duration {
        (self.limits.idle_timeout / 4).max(Duration::from_millis(10))
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
        let mut kept = self.kept.lock();
        // Without its place here a connection closes once its exchanges are over.
        kept.shared.retain(|it| {
            !it.sender.sender.is_closed() && !self.limits.is_old(now, it.sender.born, it.peer)
        });
        let mut shared = kept.shared.iter_mut();
        if let Some(shared) = shared.find(|it| it.sender.has_room() && permits(it.peer)) {
            shared.since = now;
            return Some((Sender::Http2(shared.sender.clone()), shared.peer));
        }
        let mut at = kept.idle.len();
        while at > 0 {
            at -= 1;
            let idle = &mut kept.idle[at].0;
            let old = self.limits.is_old(now, idle.sender.born(), idle.peer);
            if old || !idle.is_fresh(now, self.limits.idle_timeout) || idle.sender.is_closed() {
                kept.idle.remove(at);
            } else if permits(idle.peer) {
                let (idle, _) = kept.idle.remove(at);
                return Some((Sender::Http1(idle.sender), idle.peer));
            }
        }
        None
    }

    /// Whether a connection may be made without waiting for another's: it is
    /// known that they are not shared.
    pub fn speaks_http1(&self) -> bool {
        self.kept.lock().speaks_http1
    }

    /// Notes what a new connection speaks, and shares it where it can be.
    pub fn learn(&self, sender: &Sender<B>, peer: SocketAddr) {
        let mut kept = self.kept.lock();
        kept.speaks_http1 = matches!(sender, Sender::Http1(_));
        if let Sender::Http2(sender) = sender {
            kept.shared.push(Idle::new(sender.clone(), peer));
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
        let mut kept = self.kept.lock();
        if kept.idle.len() < self.limits.max_idle
            && !self.limits.is_old(Instant::now(), connection.born(), peer)
            && let Some(permit) = self.limits.all_idle.acquire()
        {
            kept.idle.push((Idle::new(connection, peer), permit));
        }
    }

    /// Whether anything is left.
    fn sweep(&self) -> bool {
        let (now, timeout) = (Instant::now(), self.limits.idle_timeout);
        let mut kept = self.kept.lock();
        kept.idle
            .retain_mut(|(idle, _)| idle.is_fresh(now, timeout) && !idle.sender.is_closed());
        kept.shared
            .retain(|shared| shared.is_fresh(now, timeout) && !shared.sender.sender.is_closed());
        !kept.idle.is_empty() || !kept.shared.is_empty()
    }
}

impl Limits {
    /// Whether a connection made then takes no more requests: a little earlier
    /// for each, as those of a burst must not all be made again at once.
    fn is_old(&self, now: Instant, born: Instant, peer: SocketAddr) -> bool {
        let age = now.duration_since(born);
        // Nearly all are young, and nothing has to be computed for them.
        age > self.max_age.mul_f32(1.0 - SPREAD)
            && age > self.max_age.mul_f32(1.0 - SPREAD * part_of(born, peer))
    }
}

/// The part of a connection's longest age over which connections end.
const SPREAD: f32 = 0.1;

/// A number from 0 to 1 that differs from connection to connection.
fn part_of(born: Instant, peer: SocketAddr) -> f32 {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((born, peer));
    (hash >> 40) as f32 / (1u64 << 24) as f32
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
