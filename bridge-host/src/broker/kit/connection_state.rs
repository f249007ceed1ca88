//! The state of a connection: whether it is up, why it is down, and what its server refused. Each change is logged once.
//! Each broker connects itself; the wait between two attempts is here.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

use super::log_limit::LogLimit;

/// How long the bridge waits for a server at startup.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first wait before reconnecting; each further wait doubles.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// A refusal is reported for this long: the bridge repeats the operation within this time.
const RECENT: Duration = Duration::from_secs(30);

/// The state of one connection.
pub struct ConnectionState {
    /// The connection's name in the config.
    pub connection: String,
    /// The name of its server in the log.
    service: &'static str,
    /// Why the connection was last down.
    reason: Mutex<Option<String>>,
    refused: Mutex<Option<Refusal>>,
    is_up: watch::Sender<bool>,
    losses: LogLimit,
    returns: LogLimit,
}

struct Refusal {
    at: Instant,
    what: String,
    /// Whether the refusal lasts until the connection ends.
    lasts: bool,
}

impl ConnectionState {
    /// Creates the state of the connection `name` to the server `service`.
    pub fn new(connection: &str, service: &'static str) -> Self {
        Self {
            connection: connection.into(),
            service,
            reason: Mutex::default(),
            refused: Mutex::default(),
            is_up: watch::Sender::new(false),
            losses: LogLimit::default(),
            returns: LogLimit::default(),
        }
    }

    /// Returns a receiver that changes each time the connection comes up or goes down.
    pub fn connection_changes(&self) -> watch::Receiver<bool> {
        self.is_up.subscribe()
    }

    /// Waits a moment for the server at `address`, and logs if it is not connected by then.
    pub async fn wait_at_startup(&self, address: &str) {
        let mut changes = self.connection_changes();
        if timeout(PATIENCE, changes.wait_for(|up| *up)).await.is_err() {
            let (connection, trouble) = (&*self.connection, self.trouble(address));
            tracing::warn!(
                connection,
                "{trouble}; the bridge starts without it, and keeps connecting"
            );
        }
    }

    /// Records that the connection is up or down, without logging it.
    pub fn set_connected(&self, up: bool) {
        self.is_up.send_replace(up);
    }

    /// Records that the connection came up.
    pub fn connected(&self) {
        self.set_reason(None);
        self.refused(None, false);
        self.set_connected(true);
        let (connection, service) = (&*self.connection, self.service);
        let tell = |times| tracing::info!(connection, times, "connected to {service}");
        self.returns.count(tell);
    }

    /// Records that the connection was lost.
    pub fn disconnected(&self, why: String) {
        self.set_connected(false);
        self.set_reason(Some(why.clone()));
        let (connection, service) = (&*self.connection, self.service);
        self.losses.count(|times| {
            tracing::warn!(
                connection,
                times,
                "the connection to {service} is lost ({why}); reconnecting"
            );
        });
    }

    /// Records why the connection is down or does not come up, and logs a new reason.
    pub fn failed(&self, why: String) {
        if self.set_reason(Some(why.clone())) {
            let (connection, service) = (&*self.connection, self.service);
            tracing::warn!(connection, "{service}: {why}");
        }
    }

    /// Sets the reason why the connection is down; returns whether the reason is new.
    pub fn set_reason(&self, text: Option<String>) -> bool {
        let mut reason = self.reason.lock();
        let new = *reason != text;
        *reason = text;
        new
    }

    /// Records what the server refused, or that it refuses nothing. `lasts` says
    /// that the refusal lasts until the connection ends.
    pub fn refused(&self, what: Option<String>, lasts: bool) {
        let mut refused = self.refused.lock();
        *refused = what.map(|what| Refusal {
            at: Instant::now(),
            what,
            lasts,
        });
    }

    /// Returns what the server refused recently, in the server's words.
    pub fn refusal(&self) -> Option<String> {
        let refused = self.refused.lock();
        let Refusal { at, what, lasts } = refused.as_ref()?;
        let counts = *lasts || at.elapsed() < RECENT;
        counts.then(|| format!("the server refused an operation: {what}"))
    }

    /// Returns one line that says that there is no connection to this address, and why.
    pub fn trouble(&self, address: &str) -> String {
        let reason = self.reason.lock();
        let reason = reason.as_ref().map(|reason| format!(": {reason}"));
        let reason = reason.unwrap_or_default();
        format!("no connection to {} at {address}{reason}", self.service)
    }
}

/// Returns the wait before an attempt to connect: none before the first.
pub fn reconnect_delay(attempt: usize, longest: Duration) -> Duration {
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
        assert_eq!(reconnect_delay(1, longest), Duration::ZERO);
        assert_eq!(reconnect_delay(2, longest), FIRST_WAIT);
        assert_eq!(reconnect_delay(4, longest), FIRST_WAIT * 4);
        assert_eq!(reconnect_delay(usize::MAX, longest), longest);
    }

    #[test]
    fn a_refusal_ends_with_the_connection() {
        let state = ConnectionState::new("events", "NATS");
        state.refused(Some("no permission".into()), true);
        assert!(state.refusal().unwrap().contains("no permission"));
        state.connected();
        assert_eq!(state.refusal(), None);
    }

    #[test]
    fn a_reason_is_new_once() {
        let state = ConnectionState::new("events", "NATS");
        assert!(state.set_reason(Some("refused".into())));
        assert!(!state.set_reason(Some("refused".into())));
        assert_eq!(
            state.trouble("host:1"),
            "no connection to NATS at host:1: refused"
        );
    }
}
