//! The connection pool: idle HTTP/1.1 connections and shared HTTP/2 connections, for each scheme
//! and authority.
//!
//! hyper-util's client is not used, because its pool took a third of a forwarder's instructions.
//! This pool takes one hash lookup and a stack.

use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use http_body::Body;
use parking_lot::Mutex;

use super::Settings;
use super::http1::Http1Connection;
use super::http2::Http2Connection;
use super::target::Target;
use crate::trouble::descriptors::{self, DescriptorPermit, DescriptorQuota};

/// A connection of either version of HTTP.
pub(super) enum PooledConnection<B> {
    Http1(Http1Connection<B>),
    Http2(Http2Connection<B>),
}

/// All connections of a client.
pub(super) struct ConnectionPool<B> {
    endpoints: Mutex<HashMap<Target, Arc<EndpointPool<B>>>>,
    limits: Limits,
}

/// How many connections are kept, and for how long.
#[derive(Clone)]
struct Limits {
    idle_timeout: Duration,
    max_idle: usize,
    /// The limit on the idle connections of all clients of the process.
    all_idle: DescriptorQuota,
    max_age: Duration,
}

/// The connections to one authority.
pub(super) struct EndpointPool<B> {
    /// The value of `Host` in each HTTP/1.1 request.
    pub host_header: HeaderValue,
    /// TroubleGuard while the first connection is opened, so that a burst of requests to an HTTP/2 server
    /// does not open one connection for each request.
    pub opening: tokio::sync::Mutex<()>,
    /// The host, for errors.
    pub host: Box<str>,
    connections: Mutex<Connections<B>>,
    limits: Limits,
}

struct Connections<B> {
    /// The idle HTTP/1.1 connections. The last one returned is taken first, so that unneeded ones
    /// time out.
    idle: Vec<(Idle<Http1Connection<B>>, DescriptorPermit)>,
    /// The HTTP/2 connections, as many as the exchanges on them need.
    shared: Vec<Idle<Http2Connection<B>>>,
    speaks_http1: bool,
}

struct Idle<S> {
    connection: S,
    peer: SocketAddr,
    since: Instant,
}

impl<B> ConnectionPool<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Returns an empty pool.
    pub fn new(settings: &Settings) -> Self {
        Self {
            endpoints: Mutex::default(),
            limits: Limits {
                idle_timeout: settings.idle_timeout.min(Settings::MAX_IDLE_TIMEOUT),
                max_idle: settings.max_idle,
                all_idle: DescriptorQuota::new(descriptors::for_idle(descriptors::limit())),
                max_age: settings.max_connection_age,
            },
        }
    }

    /// Returns an empty pool with the same settings. Both share the limit on idle connections.
    pub fn empty(&self) -> Self {
        Self {
            endpoints: Mutex::default(),
            limits: self.limits.clone(),
        }
    }

    /// Returns the endpoint for connections to `target`.
    pub fn endpoint(&self, target: &Target) -> Arc<EndpointPool<B>> {
        let mut endpoints = self.endpoints.lock();
        if let Some(endpoint) = endpoints.get(target) {
            return endpoint.clone();
        }
        let endpoint = Arc::new(EndpointPool {
            host_header: target.host_header(),
            host: target.host().into(),
            opening: tokio::sync::Mutex::default(),
            connections: Mutex::new(Connections {
                idle: Vec::new(),
                shared: Vec::new(),
                speaks_http1: !target.tls,
            }),
            limits: self.limits.clone(),
        });
        endpoints.insert(target.clone(), endpoint.clone());
        endpoint
    }

    /// Closes connections that have been idle for too long, and removes unused endpoints without
    /// connections.
    pub fn sweep(&self) {
        self.endpoints.lock().retain(|_, endpoint| {
            let connections = endpoint.sweep();
            connections || Arc::strong_count(endpoint) > 1
        });
    }

    /// Closes the connection that has been idle the longest, if it has been idle for at least
    /// `unused`. Returns whether a connection was closed.
    pub fn close_oldest(&self, unused: Duration) -> bool {
        let (endpoints, now) = (self.endpoints.lock(), Instant::now());
        // The first connection of a endpoint has been idle the longest.
        let oldest = endpoints.values().filter_map(|endpoint| {
            let since = endpoint.connections.lock().idle.first()?.0.since;
            Some((since, endpoint))
        });
        let oldest = oldest.filter(|(since, _)| now.duration_since(*since) >= unused);
        let oldest = oldest.min_by_key(|(since, _)| *since);
        oldest.is_some_and(|(_, endpoint)| {
            let mut connections = endpoint.connections.lock();
            let any = !connections.idle.is_empty();
            any.then(|| connections.idle.remove(0)).is_some()
        })
    }

    /// Returns the interval between two sweeps.
    pub fn sweep_interval(&self) -> Duration {
        (self.limits.idle_timeout / 4).max(Duration::from_millis(10))
    }
}

impl<B> EndpointPool<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Takes a live connection to a peer that `permits` accepts. Others stay in the pool.
    pub fn take(
        &self,
        permits: impl Fn(SocketAddr) -> bool,
    ) -> Option<(PooledConnection<B>, SocketAddr)> {
        let now = Instant::now();
        let mut connections = self.connections.lock();
        // A shared connection that is not in the pool closes when its exchanges have ended.
        connections.shared.retain(|it| {
            !it.connection.sender.is_closed()
                && !self.limits.is_old(now, it.connection.opened_at, it.peer)
        });
        let mut shared = connections.shared.iter_mut();
        if let Some(shared) = shared.find(|it| it.connection.has_room() && permits(it.peer)) {
            shared.since = now;
            return Some((
                PooledConnection::Http2(shared.connection.clone()),
                shared.peer,
            ));
        }
        let mut at = connections.idle.len();
        while at > 0 {
            at -= 1;
            let idle = &mut connections.idle[at].0;
            let old = self
                .limits
                .is_old(now, idle.connection.opened_at(), idle.peer);
            if old || !idle.is_fresh(now, self.limits.idle_timeout) || idle.connection.is_closed() {
                connections.idle.remove(at);
            } else if permits(idle.peer) {
                let (idle, _) = connections.idle.remove(at);
                return Some((PooledConnection::Http1(idle.connection), idle.peer));
            }
        }
        None
    }

    /// Returns whether the endpoint speaks HTTP/1.1, so that connections cannot be shared.
    pub fn speaks_http1(&self) -> bool {
        self.connections.lock().speaks_http1
    }

    /// Notes the protocol of a new connection, and shares the connection if possible.
    pub fn register(&self, connection: &PooledConnection<B>, peer: SocketAddr) {
        let mut connections = self.connections.lock();
        connections.speaks_http1 = matches!(connection, PooledConnection::Http1(_));
        if let PooledConnection::Http2(connection) = connection {
            connections.shared.push(Idle::new(connection.clone(), peer));
        }
    }

    /// Returns a connection whose exchange has ended. If it is not ready for the next one yet, a
    /// task waits for that for a short time.
    pub fn give_back(self: Arc<Self>, mut connection: Http1Connection<B>, peer: SocketAddr) {
        const MOMENT: Duration = Duration::from_secs(1);
        if connection.is_ready() {
            self.keep(connection, peer);
        } else if !connection.is_closed()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                match tokio::time::timeout(MOMENT, connection.ready()).await {
                    Ok(Ok(())) => self.keep(connection, peer),
                    // A request may continue after its response.
                    _ => connection.finish().await,
                }
            });
        }
    }

    fn keep(&self, connection: Http1Connection<B>, peer: SocketAddr) {
        let mut connections = self.connections.lock();
        if connections.idle.len() < self.limits.max_idle
            && !self
                .limits
                .is_old(Instant::now(), connection.opened_at(), peer)
            && let Some(permit) = self.limits.all_idle.acquire()
        {
            connections.idle.push((Idle::new(connection, peer), permit));
        }
    }

    /// Closes connections that have been idle for too long. Returns whether any are left.
    fn sweep(&self) -> bool {
        let (now, timeout) = (Instant::now(), self.limits.idle_timeout);
        let mut connections = self.connections.lock();
        connections
            .idle
            .retain_mut(|(idle, _)| idle.is_fresh(now, timeout) && !idle.connection.is_closed());
        connections.shared.retain(|shared| {
            shared.is_fresh(now, timeout) && !shared.connection.sender.is_closed()
        });
        !connections.idle.is_empty() || !connections.shared.is_empty()
    }
}

impl Limits {
    /// Returns whether a connection has reached its maximum age. The age differs a little between
    /// connections, so that the connections of a burst are not all replaced at once.
    fn is_old(&self, now: Instant, opened_at: Instant, peer: SocketAddr) -> bool {
        let age = now.duration_since(opened_at);
        // Nearly all connections are young, which the first comparison shows.
        age > self.max_age.mul_f32(1.0 - SPREAD)
            && age
                > self
                    .max_age
                    .mul_f32(1.0 - SPREAD * fraction(opened_at, peer))
    }
}

/// The part of the maximum age over which connections are replaced.
const SPREAD: f32 = 0.1;

/// Returns a number from 0 to 1 that differs between connections.
fn fraction(opened_at: Instant, peer: SocketAddr) -> f32 {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((opened_at, peer));
    (hash >> 40) as f32 / (1u64 << 24) as f32
}

impl<S> Idle<S> {
    fn new(connection: S, peer: SocketAddr) -> Self {
        Self {
            connection,
            peer,
            since: Instant::now(),
        }
    }

    fn is_fresh(&self, now: Instant, timeout: Duration) -> bool {
        now.duration_since(self.since) < timeout
    }
}
