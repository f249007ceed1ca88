//! A connection to NATS that reconnects, and creates a new client when the old one ends. It also
//! sends messages for callers that cannot wait.
//!
//! `session` wraps one client.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_nats::Subject;
use bytes::Bytes;
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::error::{self, Outage};
use super::session::{ClientEvents, ConnectError, PING, Session};
use super::settings::Settings;
use crate::broker::BrokerError;
use crate::broker::kit::connection_state::reconnect_delay;
use crate::broker::kit::outbox::{Outbox, Parcel, Parcels};

/// How long to wait for the server to accept queued messages.
const FLUSH: Duration = Duration::from_secs(5);
/// A client that lived this long did not end because of the first message that it read.
const LONG: Duration = Duration::from_secs(10);

/// A NATS client that is replaced when it ends.
pub(super) struct ReconnectingClient {
    /// The connection's name in the config.
    pub(super) name: String,
    /// The runtime on which the connection was opened. Its tasks should run there, too.
    pub(super) runtime: Handle,
    settings: Settings,
    session: RwLock<Arc<Session>>,
    news: Arc<ClientEvents>,
    outbox: Outbox<(Subject, Bytes)>,
}

/// The only known cause is a carriage return without a line feed in a header, from a publisher that
/// uses no library.
const ENDED: &str = "the NATS client panicked, as it does at a message whose headers it cannot read; connecting with a new client";

impl ReconnectingClient {
    /// Starts to connect, and keeps reconnecting until the client is dropped.
    pub(super) async fn open(name: &str, settings: &Settings) -> Result<Arc<Self>, ConnectError> {
        let news = ClientEvents::new(name);
        let session = Session::open(settings, &news).await?;
        let (outbox, parcels) = Outbox::new();
        let connection = Arc::new(Self {
            name: name.into(),
            runtime: Handle::current(),
            settings: settings.clone(),
            session: RwLock::new(session),
            news,
            outbox,
        });
        tokio::spawn(send_all(Arc::downgrade(&connection), parcels));
        tokio::spawn(renew(
            Arc::downgrade(&connection),
            Arc::clone(&connection.news),
        ));
        let address = connection.settings.urls.join(", ");
        connection.news.state.wait_at_startup(&address).await;
        Ok(connection)
    }

    /// Returns the current client.
    pub(super) fn session(&self) -> Arc<Session> {
        let session = self.session.read();
        Arc::clone(&session)
    }

    /// Waits until the connection is up.
    pub(super) async fn connected(&self) {
        let mut connection_changes = self.news.state.connection_changes();
        while !self.is_up() {
            let _ = timeout(PING, connection_changes.changed()).await;
        }
    }

    pub(super) fn is_up(&self) -> bool {
        let session = self.session.read();
        session.is_up()
    }

    /// Returns a receiver that changes each time the connection comes up or goes down.
    pub(super) fn connection_changes(&self) -> watch::Receiver<bool> {
        self.news.state.connection_changes()
    }

    /// Returns how often the connection broke although the server was reachable, as it does at a
    /// message that the client cannot read.
    pub(super) fn breaks(&self) -> u64 {
        self.news.breaks()
    }

    /// Returns whether the client dropped messages whose number was not logged yet.
    pub(super) fn is_dropping(&self) -> bool {
        self.news.dropping().load(Relaxed)
    }

    /// Records that the number was logged.
    pub(super) fn set_drops_logged(&self) {
        self.news.dropping().store(false, Relaxed);
    }

    /// Returns how many messages the current client has read, dropped ones included.
    pub(super) fn arrived(&self) -> u64 {
        self.session().statistics().in_messages.load(Relaxed)
    }

    /// Records that the connection is up. The client reports no event if too many events happen at
    /// once.
    pub(super) fn assume_connected(&self) {
        self.news.state.set_connected(true);
    }

    /// Returns why the connection is down.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.is_up() {
            return None;
        }
        Some(self.news.state.trouble(&self.settings.urls.join(", ")))
    }

    /// Returns what the server refused recently, in the server's words.
    pub(super) fn refusal(&self) -> Option<String> {
        self.news.state.refusal()
    }

    /// Returns the refusal if it prevents messages from being received or settled.
    pub(super) fn is_refused(&self) -> Option<String> {
        let counts =
            |refusal: &String| refusal.contains("$JS.") || refusal.contains("Subscription");
        self.refusal().filter(counts)
    }

    /// Waits until the server has processed everything that was sent before.
    pub(super) async fn wait_for_server(&self) {
        let client = self.session();
        // No client subscribes to the inbox, so the server answers at once.
        let asked = client.request(client.new_inbox(), Bytes::new());
        let _ = timeout(FLUSH, asked).await;
    }

    /// Returns an error while the connection is down.
    pub(super) fn check(&self) -> Result<(), BrokerError> {
        self.trouble()
            .map_or(Ok(()), |trouble| Err(Outage::Down(trouble).into()))
    }

    /// Queues a message, for callers that cannot wait.
    pub(super) fn post(&self, subject: Subject, payload: impl Into<Bytes>) {
        self.outbox.post((subject, payload.into()));
    }

    /// Sends a request, and returns the answer.
    pub(super) async fn request(
        &self,
        subject: String,
        payload: Bytes,
    ) -> Result<Bytes, BrokerError> {
        self.check()?;
        let client = self.session();
        let asked = timeout(FLUSH, client.request(subject, payload)).await;
        match asked {
            Ok(Ok(answer)) => Ok(answer.payload),
            Ok(Err(error)) => Err(error::client(&error)),
            Err(_) => Err(BrokerError::Timeout),
        }
    }

    /// Waits until the server has received everything that was sent before.
    pub(super) async fn sent(&self) -> Result<(), BrokerError> {
        match timeout(FLUSH, self.session().flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error::client(&error)),
            Err(_) => Err(BrokerError::Timeout),
        }
    }

    /// Waits until the queued messages are sent, if the connection is up.
    pub(super) async fn flush(&self) {
        if !self.is_up() {
            return;
        }
        if !self.outbox.flush(FLUSH).await {
            tracing::warn!(
                connection = self.name,
                "NATS did not accept the last acknowledgements: their messages are redelivered"
            );
        }
    }
}

async fn send_all(connection: Weak<ReconnectingClient>, mut parcels: Parcels<(Subject, Bytes)>) {
    while let Some(parcel) = parcels.recv().await {
        let Some(client) = connection.upgrade().map(|connection| connection.session()) else {
            return;
        };
        match parcel {
            // The server redelivers a message whose acknowledgement was not sent.
            Parcel::Item((subject, payload)) => drop(client.publish(subject, payload).await),
            Parcel::Flush(done) => {
                if client.flush().await.is_ok() {
                    let _ = done.send(());
                }
            }
        }
    }
}

/// Creates a new client each time one ends, until the connection is dropped.
async fn renew(connection: Weak<ReconnectingClient>, news: Arc<ClientEvents>) {
    let (mut attempt, mut since) = (0, Instant::now());
    loop {
        news.ended.notified().await;
        let Some(connection) = connection.upgrade() else {
            return;
        };
        if news.state.set_reason(Some(ENDED.into())) {
            tracing::error!(connection = connection.name, "{ENDED}");
        }
        news.state.set_connected(false);
        news.record_break();
        attempt = if since.elapsed() > LONG {
            1
        } else {
            attempt + 1
        };
        sleep(reconnect_delay(
            attempt,
            connection.settings.max_reconnect_wait,
        ))
        .await;
        since = Instant::now();
        match Session::open(&connection.settings, &news).await {
            Ok(session) => {
                let mut place = connection.session.write();
                *place = session;
            }
            // The options were valid before, so this is unexpected. The next end is logged again.
            Err(error) => {
                tracing::error!(connection = connection.name, %error, "cannot create a new NATS client")
            }
        }
    }
}
