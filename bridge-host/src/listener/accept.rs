//! Accepts connections, even when the process has no descriptor left: health checks
//! have to be answered above all in that case.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::unconstrained;
use tokio::time::{sleep, timeout};

use super::connection_table::{ConnectionEntry, ConnectionTable};
use super::descriptor_reserve::{DescriptorReserve, LentDescriptor};
use crate::trouble::{Shortage, TroubleGuard, Troubles};

/// How long to wait before the next attempt to accept a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection is idle once it has not begun a request for this long: the first
/// request of a new one may be on its way.
const IDLE: Duration = Duration::from_millis(250);

/// Accepts the connections of one listener.
pub(super) struct Acceptor {
    pub listener: TcpListener,
    pub table: Arc<ConnectionTable>,
    pub reserve: DescriptorReserve,
    pub troubles: Troubles,
}

/// A connection that was accepted.
pub(super) struct AcceptedConnection {
    pub stream: TcpStream,
    pub entry: Arc<ConnectionEntry>,
    /// Set if the connection uses the descriptor of a spare and has to end soon.
    pub emergency: Option<Emergency>,
}

/// TroubleGuard by a connection that uses the descriptor of a spare. The bridge is not ready
/// while it exists.
pub(super) struct Emergency {
    _held: TroubleGuard,
    _lent: LentDescriptor,
}

impl Acceptor {
    /// Returns the next connection, once the table has room for it.
    pub(super) async fn next(&self) -> AcceptedConnection {
        let (stream, emergency) = self.stream().await;
        loop {
            let mut ended = pin!(self.table.ended.notified());
            ended.as_mut().enable();
            match self.table.take() {
                Some(entry) => {
                    return AcceptedConnection {
                        stream,
                        entry,
                        emergency,
                    };
                }
                None => ended.await,
            }
        }
    }

    async fn stream(&self) -> (TcpStream, Option<Emergency>) {
        loop {
            let error = match self.listener.accept().await {
                Ok((stream, _)) => {
                    // After a shortage spares may be missing.
                    self.reserve.refill();
                    return (stream, None);
                }
                Err(error) => error,
            };
            match Shortage::of(&error) {
                Some(lack) => {
                    if let Some(accepted) = self.without_descriptors(lack).await {
                        return accepted;
                    }
                }
                None => {
                    tracing::debug!(%error, "a connection was not accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Accepts a waiting connection with the descriptor of a spare. The connection
    /// that has been idle the longest is then closed to replace the spare; if no
    /// connection is idle, the new one is an emergency.
    async fn without_descriptors(&self, lack: Shortage) -> Option<(TcpStream, Option<Emergency>)> {
        let Some(mut lent) = self.reserve.lend() else {
            self.wait_for_spare(lack).await;
            return None;
        };
        let Ok(stream) = accept_now(&self.listener)? else {
            // Another part of the process was faster to take the descriptor.
            drop(lent);
            self.wait_for_spare(lack).await;
            return None;
        };
        if self.table.make_room(IDLE) {
            let replaced = async {
                while !lent.replace() {
                    self.table.ended.notified().await;
                }
            };
            if timeout(PAUSE, replaced).await.is_ok() {
                return Some((stream, None));
            }
        }
        let emergency = Emergency {
            _held: self.troubles.hold(lack),
            _lent: lent,
        };
        Some((stream, Some(emergency)))
    }

    /// Waits a moment for a spare. If no spare can come back by itself, the
    /// connection that has been idle the longest is closed to make one.
    async fn wait_for_spare(&self, lack: Shortage) {
        let _held = self.troubles.hold(lack);
        if self.reserve.is_lost() {
            self.table.make_room(IDLE);
        }
        let _ = timeout(PAUSE, self.reserve.returned()).await;
        self.reserve.refill();
    }
}

/// Accepts a connection that is already waiting. Without a descriptor, the system
/// reports an error whether or not a connection is waiting.
fn accept_now(listener: &TcpListener) -> Option<io::Result<TcpStream>> {
    let accepted = unconstrained(listener.accept()).now_or_never()?;
    Some(accepted.map(|(stream, _)| stream))
}
