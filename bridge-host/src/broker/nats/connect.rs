//! One connection, which comes back by itself: options, what is told of its
//! ups and downs, and a way for those who cannot wait to send something.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, ServerAddr, Subject};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::settings::{Auth, Settings};
use crate::broker::BrokerError;

/// The first wait before connecting again; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// How long the start of the bridge waits for a server.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long is waited for what is still to be sent.
const FLUSH: Duration = Duration::from_secs(5);
/// Between two signs of life: a server that went silent is noticed after two.
const PING: Duration = Duration::from_secs(5);

/// Messages that came and wait to be taken; what comes beyond is dropped by
/// core NATS. JetStream sends no more than it is asked for.
const WAITING: usize = 8192;

/// Why a connection cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No URL.
    #[error("{0:?} is no URL of a NATS server: nats://host:4222 is expected")]
    Url(String),
    /// The credentials are none.
    #[error("the NATS credentials cannot be used: {0}")]
    Credentials(std::io::Error),
    /// The options are at odds with each other.
    #[error("the NATS connection cannot be set up: {0}")]
    Options(#[from] async_nats::ConnectError),
}

/// What is sent without anybody waiting for it.
enum Parcel {
    Message(Subject, Bytes),
    Flush(oneshot::Sender<()>),
}

/// A connection, up or down.
pub(super) struct Link {
    pub(super) client: Client,
    /// Where it was opened, and what serves it is best.
    pub(super) runtime: Handle,
    servers: String,
    /// Why it was down the last time.
    reason: Arc<Mutex<Option<String>>>,
    /// Counts how often it came up.
    ups: watch::Receiver<u64>,
    outbox: mpsc::UnboundedSender<Parcel>,
    /// For good.
    ended: AtomicBool,
}

/// The one known cause: a carriage return alone in a header, which a publisher
/// wrote without a library.
const ENDED: &str = "the client ended, as it does at a message with headers that it cannot read";

impl Link {
    /// Begins to connect, and goes on until it is dropped.
    pub(super) async fn open(name: &str, settings: &Settings) -> Result<Arc<Self>, ConnectError> {
        let address =
            |url: &String| ServerAddr::from_str(url).map_err(|_| ConnectError::Url(url.clone()));
        let servers: Vec<_> = settings
            .urls
            .iter()
            .map(address)
            .collect::<Result<_, _>>()?;
        let reason = Arc::default();
        let (up, ups) = watch::channel(0);
        let options = options(name, settings, up, Arc::clone(&reason))?;
        let client = async_nats::connect_with_options(servers, options).await?;
        let (outbox, parcels) = mpsc::unbounded_channel();
        tokio::spawn(send_all(client.clone(), parcels));
        let link = Arc::new(Self {
            client,
            runtime: Handle::current(),
            servers: settings.urls.join(", "),
            reason,
            ups,
            outbox,
            ended: AtomicBool::new(false),
        });
        if timeout(PATIENCE, link.connected()).await.is_err() {
            let trouble = link.trouble().unwrap_or_default();
            tracing::warn!(
                connection = name,
                "{trouble}; the bridge starts all the same, and waits"
            );
        }
        Ok(link)
    }

    /// Waits until the connection is up.
    pub(super) async fn connected(&self) {
        let mut ups = self.ups.clone();
        while !self.is_up() {
            // The sender lives as long as the client does.
            if let Ok(Err(_)) = timeout(PING, ups.changed()).await {
                self.ended();
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) fn is_up(&self) -> bool {
        !self.ended.load(Relaxed) && self.client.connection_state() == State::Connected
    }

    /// The client takes no more orders; why is told once. It still seems to be
    /// connected, as nobody is there to say otherwise.
    pub(super) fn ended(&self) -> String {
        if !self.ended.swap(true, Relaxed) {
            *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(ENDED.into());
            tracing::error!(
                servers = self.servers,
                "NATS: {ENDED}. Start the bridge again"
            );
        }
        ENDED.into()
    }

    /// Changes each time the connection comes up.
    pub(super) fn ups(&self) -> watch::Receiver<u64> {
        self.ups.clone()
    }

    /// Why it is down.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.is_up() {
            return None;
        }
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = reason.as_deref().map(|reason| format!(": {reason}"));
        Some(format!(
            "no connection to NATS at {}{}",
            self.servers,
            reason.unwrap_or_default()
        ))
    }

    /// Refuses while it is down.
    pub(super) fn check(&self) -> Result<(), BrokerError> {
        self.trouble()
            .map_or(Ok(()), |trouble| Err(BrokerError::Unavailable(trouble)))
    }

    /// Sends it soon: for those who cannot wait.
    pub(super) fn post(&self, subject: Subject, payload: impl Into<Bytes>) {
        // Without anyone to take it the process is at its end.
        let _ = self.outbox.send(Parcel::Message(subject, payload.into()));
    }

    /// Waits until all that was handed over is with the server.
    pub(super) async fn sent(&self) -> Result<(), BrokerError> {
        match timeout(FLUSH, self.client.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(BrokerError::Unavailable(format!("NATS: {error}"))),
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
        if timeout(FLUSH, sent).await.is_err() {
            tracing::warn!(
                servers = self.servers,
                "NATS did not take the last acknowledgements: their messages come again"
            );
        }
    }
}

async fn send_all(client: Client, mut parcels: mpsc::UnboundedReceiver<Parcel>) {
    while let Some(parcel) = parcels.recv().await {
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

fn options(
    name: &str,
    settings: &Settings,
    up: watch::Sender<u64>,
    reason: Arc<Mutex<Option<String>>>,
) -> Result<ConnectOptions, ConnectError> {
    let longest = settings.max_reconnect_wait;
    let connection = name.to_owned();
    let mut options = ConnectOptions::new()
        .name(format!("bridge-host {name}"))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .subscription_capacity(WAITING)
        .ping_interval(PING)
        .reconnect_delay_callback(move |attempt| wait(attempt, longest))
        .event_callback(move |event| {
            told(&connection, &event, &up, &reason);
            async {}
        })
        .require_tls(settings.tls.required);
    if let Some(file) = &settings.tls.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &settings.tls.client {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(match &settings.auth {
        Auth::None => options,
        Auth::Token(token) => options.token(token.expose().into()),
        Auth::User(user, password) => {
            options.user_and_password(user.clone(), password.expose().into())
        }
        Auth::Nkey(seed) => options.nkey(seed.expose().into()),
        Auth::Credentials(text) => options
            .credentials(text.expose())
            .map_err(ConnectError::Credentials)?,
    })
}

/// The wait before an attempt to connect: none before the first.
fn wait(attempt: usize, longest: Duration) -> Duration {
    match attempt {
        ..=1 => Duration::ZERO,
        _ => {
            let doublings = u32::try_from(attempt - 2).unwrap_or(u32::MAX).min(20);
            longest.min(FIRST_WAIT * 2u32.pow(doublings))
        }
    }
}

/// What the client tells of itself.
fn told(connection: &str, event: &Event, up: &watch::Sender<u64>, reason: &Mutex<Option<String>>) {
    let because = |text: Option<String>| {
        let mut reason = reason.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *reason != text;
        *reason = text;
        new
    };
    match event {
        Event::Connected => {
            because(None);
            up.send_modify(|count| *count += 1);
            tracing::info!(connection, "connected to NATS");
        }
        Event::Disconnected => {
            because(Some("the server went away".into()));
            tracing::warn!(
                connection,
                "the connection to NATS is lost; connecting again"
            );
        }
        Event::SlowConsumer(_) => {
            tracing::warn!(
                connection,
                "messages come faster than they are taken, and are dropped"
            );
        }
        Event::LameDuckMode | Event::Draining | Event::Closed => {
            tracing::info!(connection, "NATS: {event}");
        }
        Event::ServerError(_) | Event::ClientError(_) => {
            // Told once, however often it is tried.
            if because(Some(event.to_string())) {
                tracing::warn!(connection, "NATS: {event}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let longest = Duration::from_secs(10);
        assert_eq!(wait(1, longest), Duration::ZERO);
        assert_eq!(wait(2, longest), FIRST_WAIT);
        assert_eq!(wait(4, longest), FIRST_WAIT * 4);
        assert_eq!(wait(usize::MAX, longest), longest);
    }
}
