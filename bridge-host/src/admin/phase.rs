//! The phases of the bridge, from start to stop. Setting the phase stays out: `host`
//! does it.

/// A phase of the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Brokers are opened and components are compiled; the text describes the progress.
    Starting(String),
    /// Messages are accepted and delivered.
    Running,
    /// No messages are accepted; deliveries in flight may end.
    Draining,
    /// A fault of this program, which only a restart can repair.
    Failed(String),
}

impl Phase {
    /// Returns the `status` that `/readyz` shows to every client.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Starting(_) => "starting",
            Self::Running | Self::Failed(_) => "not ready",
            Self::Draining => "draining",
        }
    }

    /// Returns why a bridge in this phase is not ready.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Running => None,
            Self::Starting(progress) => Some(progress),
            Self::Draining => Some("the bridge is stopping"),
            Self::Failed(why) => Some(why),
        }
    }
}
