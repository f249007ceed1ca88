//! One NATS client: its options, and the events that it reports.
//!
//! `client` creates a new one when it ends.

use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::Notify;

use super::settings::{Auth, Settings};
use crate::broker::kit::connection_state::{ConnectionState, reconnect_delay};

/// The interval between two PINGs. The client detects a silent server after two.
pub(super) const PING: Duration = Duration::from_secs(5);
/// The most messages that wait for a subscription. Beyond it, core NATS drops messages; JetStream
/// sends only requested messages.
const WAITING: usize = 8192;

/// Why the settings of a connection cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A URL is invalid.
    #[error("{0:?} is not the URL of a NATS server: write nats://host:4222")]
    Url(String),
    /// The credentials are invalid.
    #[error("the NATS credentials cannot be used: {0}")]
    Credentials(std::io::Error),
    /// The options contradict each other.
    #[error("the NATS connection cannot be set up: {0}")]
    Options(#[from] async_nats::ConnectError),
}

/// A client, and whether it has ended.
pub(super) struct Session {
    client: Client,
    ended: Arc<AtomicBool>,
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Session {
    /// Starts to connect. `news` receives the events.
    pub(super) async fn open(
        settings: &Settings,
        news: &Arc<ClientEvents>,
    ) -> Result<Arc<Self>, ConnectError> {
        let address =
            |url: &String| ServerAddr::from_str(url).map_err(|_| ConnectError::Url(url.clone()));
        let servers = settings.urls.iter().map(address);
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = EndSignal {
            news: Arc::clone(news),
            ended: Arc::clone(&ended),
        };
        let options = options(settings, &news.state.connection)?.event_callback(move |event| {
            end.news.record(&event);
            async {}
        });
        let client = async_nats::connect_with_options(servers, options).await?;
        Ok(Arc::new(Self { client, ended }))
    }

    pub(super) fn is_up(&self) -> bool {
        // An ended client keeps reporting its last state.
        !self.ended.load(Relaxed) && self.client.connection_state() == State::Connected
    }
}

/// Dropped when the client's tasks end, after which the client does nothing.
struct EndSignal {
    news: Arc<ClientEvents>,
    ended: Arc<AtomicBool>,
}

impl Drop for EndSignal {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        self.news.ended.notify_one();
    }
}

/// What the events of a connection's clients reveal about it.
pub(super) struct ClientEvents {
    pub(super) state: ConnectionState,
    /// Notified when a client has ended.
    pub(super) ended: Notify,
    /// Whether the connection was lost, and no error was reported since.
    is_sudden: AtomicBool,
    breaks: AtomicU64,
    is_dropping: AtomicBool,
}

impl ClientEvents {
    pub(super) fn new(connection: &str) -> Arc<Self> {
        Arc::new(Self {
            state: ConnectionState::new(connection, "NATS"),
            ended: Notify::new(),
            is_sudden: AtomicBool::new(false),
            breaks: AtomicU64::new(0),
            is_dropping: AtomicBool::new(false),
        })
    }

    /// Returns how often the client left a server that was reachable, as it does at a message that
    /// it cannot read.
    pub(super) fn breaks(&self) -> u64 {
        self.breaks.load(Relaxed)
    }

    /// Counts a client that ended because of a message.
    pub(super) fn record_break(&self) {
        self.breaks.fetch_add(1, Relaxed);
    }

    /// Returns the flag for dropped messages whose number was not logged yet.
    pub(super) fn dropping(&self) -> &AtomicBool {
        &self.is_dropping
    }

    fn record(&self, event: &Event) {
        let connection = &*self.state.connection;
        match event {
            Event::Connected => {
                if self.is_sudden.swap(false, Relaxed) {
                    self.record_break();
                }
                self.state.connected();
            }
            Event::Disconnected => {
                self.is_sudden.store(true, Relaxed);
                self.state.disconnected("the connection was closed".into());
            }
            Event::SlowConsumer(_) => {
                if !self.is_dropping.swap(true, Relaxed) {
                    tracing::warn!(
                        connection,
                        "slow consumer: messages arrive faster than the bridge takes them, and the NATS client drops some; the log gives their number when this is over"
                    );
                }
            }
            Event::LameDuckMode | Event::Draining | Event::Closed => {
                tracing::info!(connection, "NATS: {event}");
            }
            Event::ServerError(_) | Event::ClientError(_) => {
                self.is_sudden.store(false, Relaxed);
                if let Event::ServerError(error) = event {
                    let what = error.to_string();
                    // A subscription is refused once for each connection.
                    let lasts = what.contains("Subscription");
                    self.state.refused(Some(what), lasts);
                }
                // The same reason is logged once.
                self.state.failed(event.to_string());
            }
        }
    }
}

fn options(settings: &Settings, name: &str) -> Result<ConnectOptions, ConnectError> {
    let longest = settings.max_reconnect_wait;
    let mut options = ConnectOptions::new()
        .name(format!("bridge-host {name}"))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .subscription_capacity(WAITING)
        .ping_interval(PING)
        .reconnect_delay_callback(move |attempt| reconnect_delay(attempt, longest))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_a_loss_without_a_reason() {
        let news = ClientEvents::new("events");
        news.record(&Event::Connected);
        assert_eq!(news.breaks(), 0);
        news.record(&Event::Disconnected);
        let refused = async_nats::ClientError::Other("refused".into());
        news.record(&Event::ClientError(refused));
        news.record(&Event::Connected);
        assert_eq!(news.breaks(), 0, "the server was not there");
        news.record(&Event::Disconnected);
        news.record(&Event::Connected);
        assert_eq!(news.breaks(), 1);
    }
}
