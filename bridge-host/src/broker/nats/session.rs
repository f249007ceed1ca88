//! One NATS client: the options it is made with, and what it tells of itself.
//! Making another one after it ended is `connect`.

use std::ops::Deref;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::{Notify, watch};

use super::connect::ConnectError;
use super::settings::{Auth, Settings};
use super::storm::Storm;

/// The first wait before connecting again; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Between two signs of life: a server that went silent is noticed after two.
pub(super) const PING: Duration = Duration::from_secs(5);
/// What was refused within this time is refused still: it is tried this often.
const RECENT: Duration = Duration::from_secs(30);
/// Messages that came and wait to be taken; what comes beyond is dropped by
/// core NATS. JetStream sends no more than it is asked for.
const WAITING: usize = 8192;

/// A client, and whether it still works.
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
    /// Begins to connect. What happens to it is told to `news`.
    pub(super) async fn open(
        settings: &Settings,
        news: &Arc<News>,
    ) -> Result<Arc<Self>, ConnectError> {
        let address =
            |url: &String| ServerAddr::from_str(url).map_err(|_| ConnectError::Url(url.clone()));
        let servers = settings.urls.iter().map(address);
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = End {
            news: Arc::clone(news),
            ended: Arc::clone(&ended),
        };
        let options = options(settings, &news.connection)?.event_callback(move |event| {
            end.news.told(&event);
            async {}
        });
        let client = async_nats::connect_with_options(servers, options).await?;
        Ok(Arc::new(Self { client, ended }))
    }

    pub(super) fn is_up(&self) -> bool {
        // A client that ended says what it said last.
        !self.ended.load(Relaxed) && self.client.connection_state() == State::Connected
    }
}

/// Goes when the client's own tasks go: it takes no more orders.
struct End {
    news: Arc<News>,
    ended: Arc<AtomicBool>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        self.news.ended.notify_one();
    }
}

/// What is known of a connection from what its clients told.
pub(super) struct News {
    connection: String,
    /// Why it was down the last time.
    reason: Mutex<Option<String>>,
    /// What the server refused, and when.
    refused: Mutex<Option<(Instant, String)>>,
    /// Whether it is up, as far as was told.
    is_up: watch::Sender<bool>,
    /// A client ended.
    pub(super) ended: Notify,
    /// It went down, and no reason was seen since.
    is_sudden: AtomicBool,
    breaks: AtomicU64,
    is_dropping: AtomicBool,
    losses: Storm,
    returns: Storm,
}

impl News {
    pub(super) fn new(connection: &str) -> Arc<Self> {
        Arc::new(Self {
            connection: connection.into(),
            reason: Mutex::default(),
            refused: Mutex::default(),
            is_up: watch::Sender::new(false),
            ended: Notify::new(),
            is_sudden: AtomicBool::new(false),
            breaks: AtomicU64::new(0),
            is_dropping: AtomicBool::new(false),
            losses: Storm::default(),
            returns: Storm::default(),
        })
    }

    /// Whether the connection is up; changes each time that it comes or goes.
    pub(super) fn ups(&self) -> watch::Receiver<bool> {
        self.is_up.subscribe()
    }

    /// It is down, or was told to be up: both in one order with all else that a
    /// client tells.
    pub(super) fn set_up(&self, up: bool) {
        self.is_up.send_replace(up);
    }

    /// How often the client went away from a server that was there: as it does
    /// at a message that it cannot read.
    pub(super) fn breaks(&self) -> u64 {
        self.breaks.load(Relaxed)
    }

    /// A client ended over a message.
    pub(super) fn broke(&self) {
        self.breaks.fetch_add(1, Relaxed);
    }

    /// Why it is down, as far as that is known.
    pub(super) fn reason(&self) -> Option<String> {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone()
    }

    /// Whether that is something new.
    pub(super) fn because(&self, text: Option<String>) -> bool {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *reason != text;
        *reason = text;
        new
    }

    fn refused(&self, what: Option<String>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused = what.map(|what| (Instant::now(), what));
    }

    /// What the server refused a short while ago, in its words. A subscription
    /// is refused once, and for as long as the connection lasts.
    pub(super) fn refusal(&self) -> Option<String> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, what) = refused.as_ref()?;
        let lasts = at.elapsed() < RECENT || what.contains("Subscription");
        lasts.then(|| format!("the server refused an operation: {what}"))
    }

    /// Whether messages were dropped, and how many was not told yet.
    pub(super) fn dropping(&self) -> &AtomicBool {
        &self.is_dropping
    }

    fn told(&self, event: &Event) {
        let connection = &*self.connection;
        match event {
            Event::Connected => {
                self.because(None);
                self.refused(None);
                if self.is_sudden.swap(false, Relaxed) {
                    self.broke();
                }
                self.set_up(true);
                let tell = |times| tracing::info!(connection, times, "connected to NATS");
                self.returns.count(tell);
            }
            Event::Disconnected => {
                self.is_sudden.store(true, Relaxed);
                self.set_up(false);
                self.because(Some("the server went away".into()));
                self.losses.count(|times| {
                    tracing::warn!(
                        connection,
                        times,
                        "the connection to NATS is lost; reconnecting"
                    );
                });
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
                    self.refused(Some(error.to_string()));
                }
                // Told once, however often it is tried.
                if self.because(Some(event.to_string())) {
                    tracing::warn!(connection, "NATS: {event}");
                }
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
        .reconnect_delay_callback(move |attempt| wait(attempt, longest))
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
pub(super) fn wait(attempt: usize, longest: Duration) -> Duration {
    match attempt {
        ..=1 => Duration::ZERO,
        _ => {
            let doublings = u32::try_from(attempt - 2).unwrap_or(u32::MAX).min(20);
            longest.min(FIRST_WAIT * 2u32.pow(doublings))
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

    #[test]
    fn a_break_is_one_without_a_reason() {
        let news = News::new("events");
        news.told(&Event::Connected);
        assert_eq!(news.breaks(), 0);
        news.told(&Event::Disconnected);
        let refused = async_nats::ClientError::Other("refused".into());
        news.told(&Event::ClientError(refused));
        news.told(&Event::Connected);
        assert_eq!(news.breaks(), 0, "the server was not there");
        news.told(&Event::Disconnected);
        news.told(&Event::Connected);
        assert_eq!(news.breaks(), 1);
    }
}
