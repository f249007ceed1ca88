//! How many more times a broker gives a message. What is made of that is
//! decided in `delivery`.

/// Whether an attempt can be made, and another after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RemainingAttempts {
    /// As often as the subscription's policy has it.
    #[default]
    Unlimited,
    /// The broker does not give it again: what would be a retry is a dead
    /// letter. Why, in a few words.
    Last(String),
    /// No attempt is made: it is a dead letter at once. Why, in one line.
    Exhausted(String),
}

impl RemainingAttempts {
    /// For a message that is kept in hand between its attempts: whether the
    /// broker would give it again does not count.
    pub fn in_hand(&self) -> &Self {
        match self {
            Self::Last(_) => &Self::Unlimited,
            other => other,
        }
    }
}
