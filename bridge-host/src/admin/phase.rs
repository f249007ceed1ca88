//! How far the bridge is between its start and its end.

/// How far the bridge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Brokers are opened and components compiled; this is how far that is.
    Starting(String),
    /// Messages are taken and delivered.
    Running,
    /// Nothing new is taken; what is in flight may end.
    Draining,
    /// A fault of this program, which only a restart mends.
    Failed(String),
}

impl Phase {
    /// One word for it, for everybody.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Starting(_) => "starting",
            Self::Running | Self::Failed(_) => "not ready",
            Self::Draining => "draining",
        }
    }

    /// Why a bridge in this phase is not ready.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Running => None,
            Self::Starting(how_far) => Some(how_far),
            Self::Draining => Some("the bridge is stopping"),
            Self::Failed(why) => Some(why),
        }
    }
}
