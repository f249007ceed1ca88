//! Whether a broker delivers a message again.
//!
//! The room `delivery` decides what follows from that.

/// Whether an attempt may be made, and another one after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RemainingAttempts {
    /// The policy of the subscription limits the attempts.
    #[default]
    Unlimited,
    /// The broker does not deliver the message again, so a retry becomes a dead letter. Contains
    /// the reason.
    Last(String),
    /// No attempt may be made: the message becomes a dead letter at once. Contains the reason.
    Exhausted(String),
}

impl RemainingAttempts {
    /// Returns the value for a message that this process keeps between attempts. The broker need
    /// not deliver such a message again.
    pub fn in_hand(&self) -> &Self {
        match self {
            Self::Last(_) => &Self::Unlimited,
            other => other,
        }
    }
}
