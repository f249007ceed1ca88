//! One connection, which comes back by itself, with another client where the
//! one it had ended; and a way for those who cannot wait to send something.

use parking_lot::RwLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_nats::Subject;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::error::{self, Outage};
use super::session::{ClientEvents, ConnectError, PING, Session};
use super::settings::Settings;
use crate::broker::BrokerError;
use crate::broker::kit::connection_state::reconnect_delay;

/// How long the start of the bridge waits for a server.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long is waited for what is still to be sent.
const FLUSH: Duration = Duration::from_secs(5);
/// A client that lived for so long did not end over the next message.
const LONG: Duration = Duration::from_secs(10);

/// What is sent without anybody waiting for it.
enum Parcel {
    Message(Subject, Bytes),
    Flush(oneshot::Sender<()>),
}

/// A connection, up or down.
pub(super) struct ReconnectingClient {
    /// The connection's, as configured.
    pub(super) name: String,
    /// Where it was opened, and what serves it is best.
    pub(super) runtime: Handle,
    settings: Settings,
    session: RwLock<Arc<Session>>,
    news: Arc<ClientEvents>,
    outbox: mpsc::UnboundedSender<Parcel>,
}

/// The one known cause: a carriage return alone in a header, which a publisher
/// wrote without a library.
const ENDED: &str = "the NATS client panicked, as it does at a message whose headers it cannot read; connecting with a new client";

impl ReconnectingClient {
    /// Begins to connect, and goes on until it is dropped.
    pub(super) async fn open(name: &str, settings: &Settings) -> Result<Arc<Self>, ConnectError> {
        let news = ClientEvents::new(name);
        let session = Session::open(settings, &news).await?;
        let (outbox, parcels) = mpsc::unbounded_channel();
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
        if timeout(PATIENCE, connection.connected()).await.is_err() {
            let trouble = connection.trouble().unwrap_or_default();
            tracing::warn!(
                connection = name,
                "{trouble}; the bridge starts all the same, and waits"
            );
        }
        Ok(connection)
    }

    /// The client of now.
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

    /// Changes each time the connection comes up or goes down.
    pub(super) fn connection_changes(&self) -> watch::Receiver<bool> {
        self.news.state.connection_changes()
    }

    /// How often it broke while the server was there: as it does at a message
    /// that the client cannot read.
    pub(super) fn breaks(&self) -> u64 {
        self.news.breaks()
    }

    /// Whether the client dropped messages, and how many was not told yet.
    pub(super) fn is_dropping(&self) -> bool {
        self.news.dropping().load(Relaxed)
    }

    /// That was told.
    pub(super) fn set_drops_logged(&self) {
        self.news.dropping().store(false, Relaxed);
    }

    /// How many messages the client of now read, those that it dropped included.
    pub(super) fn arrived(&self) -> u64 {
        self.session().statistics().in_messages.load(Relaxed)
    }

    /// It is up, although that was never told: the client leaves out what it has
    /// to tell where that is too much at once.
    pub(super) fn assume_connected(&self) {
        self.news.state.set_connected(true);
    }

    /// Why it is down.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.is_up() {
            return None;
        }
        Some(self.news.state.trouble(&self.settings.urls.join(", ")))
    }

    /// What the server refused a short while ago, in its words.
    pub(super) fn refusal(&self) -> Option<String> {
        self.news.state.refusal()
    }

    /// That refusal, where it keeps messages from being taken or settled.
    pub(super) fn is_refused(&self) -> Option<String> {
        let counts =
            |refusal: &String| refusal.contains("$JS.") || refusal.contains("Subscription");
        self.refusal().filter(counts)
    }

    /// Waits until the server has done all that was sent to it before.
    pub(super) async fn wait_for_server(&self) {
        let client = self.session();
        // Nobody listens there, as the server says at once.
        let asked = client.request(client.new_inbox(), Bytes::new());
        let _ = timeout(FLUSH, asked).await;
    }

    /// Refuses while it is down.
    pub(super) fn check(&self) -> Result<(), BrokerError> {
        self.trouble()
            .map_or(Ok(()), |trouble| Err(Outage::Down(trouble).into()))
    }

    /// Sends it soon: for those who cannot wait.
    pub(super) fn post(&self, subject: Subject, payload: impl Into<Bytes>) {
        // Without anyone to take it the process is at its end.
        let _ = self.outbox.send(Parcel::Message(subject, payload.into()));
    }

    /// Asks for one answer.
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

    /// Waits until all that was handed over is with the server.
    pub(super) async fn sent(&self) -> Result<(), BrokerError> {
        match timeout(FLUSH, self.session().flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error::client(&error)),
            Err(_) => Err(BrokerError::Timeout),
        }
    }

    /// Sends what is still to be sent, where there is a connection.
    pub(super) async fn flush(&self) {
        if !self.is_up() {
            return;
        }
        let (done, sent) = oneshot::channel();
        let _ = self.outbox.send(Parcel::Flush(done));
        if !matches!(timeout(FLUSH, sent).await, Ok(Ok(()))) {
            tracing::warn!(
                connection = self.name,
                "NATS did not take the last acknowledgements: their messages come again"
            );
        }
    }
}

async fn send_all(
    connection: Weak<ReconnectingClient>,
    mut parcels: mpsc::UnboundedReceiver<Parcel>,
) {
    while let Some(parcel) = parcels.recv().await {
        let Some(client) = connection.upgrade().map(|connection| connection.session()) else {
            return;
        };
        match parcel {
            // What is not sent is delivered again by the server.
            Parcel::Message(subject, payload) => drop(client.publish(subject, payload).await),
            Parcel::Flush(done) => {
                if client.flush().await.is_ok() {
                    let _ = done.send(());
                }
            }
        }
    }
}

/// Makes another client each time that one ended, for as long as the link lives.
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
            // It was possible before. Its end is told once more.
            Err(error) => {
                tracing::error!(connection = connection.name, %error, "cannot create a new NATS client")
            }
        }
    }
}
