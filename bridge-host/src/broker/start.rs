//! Where a subscription begins that its broker has not seen before.

use crate::schema::Words;

/// Which of the messages that a broker still keeps a new subscription gets.
/// One that the broker knows goes on where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// All of them.
    #[default]
    All,
    /// None: it begins with the next message that is published.
    New,
    /// The last one on its topics.
    Last,
    /// The last one on each of its topics.
    LastPerTopic,
}

impl Start {
    /// Every choice, and what a config calls it.
    pub const CHOICES: [(&'static str, Self); 4] = [
        ("all", Self::All),
        ("new", Self::New),
        ("last", Self::Last),
        ("last_per_topic", Self::LastPerTopic),
    ];

    /// What a config calls it.
    pub fn as_str(self) -> &'static str {
        let named = Self::CHOICES.iter().find(|(_, start)| *start == self);
        named.map_or("all", |(name, _)| name)
    }
}

impl Words for Start {
    const WORDS: &'static [(&'static str, Self)] = &Self::CHOICES;
}
