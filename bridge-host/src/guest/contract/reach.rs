//! What a component may reach of the world through an import, as this host
//! grants it.

use serde::Serialize;

use super::interface::Interface;
use super::linked::{LOGGING, SETTINGS, has_wasi};
use super::shape::Shape;
use super::standard::{ASYNC_HANDLER, HANDLER, PRODUCER, REQUEST_REPLY, standard, standard_of};

/// What lies behind an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Messages that it is given, and makes.
    Messages,
    /// The component that follows it in a chain.
    Next,
    /// Connections of the config, to send messages.
    Producing,
    /// HTTP, to the hosts that the config allows.
    Http,
    /// The settings of its subscription.
    Settings,
    /// The time, and waiting.
    Clocks,
    /// Random numbers.
    Random,
    /// The log, through standard output, standard error and wasi:logging.
    Log,
    /// Streams and readiness: nothing without what they belong to.
    Streams,
    /// Folders and variables: those that the config grants to an HTTP handler.
    Granted,
    /// Linked, so that the component starts, with nothing behind it.
    Nothing,
    /// Names of types, without functions.
    Types,
    /// Not in this host: the component does not start.
    Unknown,
}

impl Reach {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 13] = [
        Self::Messages,
        Self::Next,
        Self::Producing,
        Self::Http,
        Self::Settings,
        Self::Clocks,
        Self::Random,
        Self::Log,
        Self::Streams,
        Self::Granted,
        Self::Nothing,
        Self::Types,
        Self::Unknown,
    ];

    /// What lies behind this import.
    pub fn of(import: &Interface) -> Self {
        let draft = || standard_of(Shape::Draft, &import.name);
        if let Some(standard) = standard(&import.name).or_else(draft) {
            return match standard.name.as_str() {
                HANDLER | ASYNC_HANDLER => Self::Next,
                PRODUCER | REQUEST_REPLY => Self::Producing,
                _ => Self::Messages,
            };
        }
        let (path, version) = import.name.split_once('@').unwrap_or((&import.name, ""));
        match import.name.as_str() {
            name if SETTINGS.contains(&name) => Self::Settings,
            name if LOGGING.contains(&name) => Self::Log,
            _ if has_wasi(path, version) => Self::of_wasi(path),
            _ if import.needs_nothing() => Self::Types,
            _ => Self::Unknown,
        }
    }

    /// Of wasi 0.2 and 0.3, where it is linked.
    fn of_wasi(path: &str) -> Self {
        match path.split_once('/').unwrap_or((path, "")) {
            ("wasi:http", _) => Self::Http,
            ("wasi:clocks", _) => Self::Clocks,
            ("wasi:random", _) => Self::Random,
            ("wasi:cli", "stdout" | "stderr") => Self::Log,
            ("wasi:io", _) => Self::Streams,
            ("wasi:cli", "environment") | ("wasi:filesystem", _) => Self::Granted,
            _ => Self::Nothing,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Next => "the next component of its chain",
            Self::Producing => "the connections of the config, to send messages",
            Self::Http => "HTTP, where the config allows it",
            Self::Settings => "the settings of its subscription",
            Self::Clocks => "the time",
            Self::Random => "random numbers",
            Self::Log => "the log, through stdout, stderr and wasi:logging",
            Self::Streams => "streams of the above",
            Self::Granted => "what `permissions` gives it as an HTTP handler, otherwise nothing",
            Self::Nothing => "linked, nothing granted",
            Self::Types => "types only, no functions",
            Self::Unknown => "not in this host: the component will not start",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::contract::Function;

    fn reach(name: &str) -> Reach {
        Reach::of(&Interface {
            name: name.into(),
            functions: vec![Function {
                name: "f".into(),
                is_async: false,
                params: Vec::new(),
                result: None,
            }],
            types: Vec::new(),
        })
    }

    #[test]
    fn what_lies_behind_an_import() {
        for (name, wanted) in [
            ("wasi:messaging/types@0.2.0-draft", Reach::Messages),
            ("wasi:messaging/types@0.3.0", Reach::Unknown),
            ("wasi:messaging/incoming-handler@0.2.0-draft", Reach::Next),
            ("wasi:messaging/producer@0.2.0-draft", Reach::Producing),
            ("wasi:messaging/request-reply@0.2.0-draft", Reach::Producing),
            ("wasi:http/outgoing-handler@0.2.9", Reach::Http),
            ("wasi:http/client@0.3.2", Reach::Http),
            ("wasi:http/handler@0.3.0", Reach::Http),
            ("wasi:http/handler@0.2.0", Reach::Unknown),
            (
                "wasi:http/outgoing-handler@0.2.0-rc-2023-12-05",
                Reach::Unknown,
            ),
            ("wasi:clocks/timezone@0.2.12", Reach::Unknown),
            ("wasi:http/client@0.3.0-rc-2026-01-06", Reach::Unknown),
            ("wasi:config/store@0.2.0-rc.1", Reach::Settings),
            ("wasi:config/store@0.2.0-draft", Reach::Settings),
            ("wasi:config/store@0.3.0", Reach::Unknown),
            ("wasi:logging/logging", Reach::Log),
            ("wasi:clocks/wall-clock@0.2.3", Reach::Clocks),
            ("wasi:cli/stderr@0.2.3", Reach::Log),
            ("wasi:cli/terminal-stdin@0.2.3", Reach::Nothing),
            ("wasi:filesystem/types@0.2.9", Reach::Granted),
            ("wasi:sockets/tcp@0.2.9", Reach::Nothing),
            ("acme:shop/prices", Reach::Unknown),
        ] {
            assert_eq!(reach(name), wanted, "{name}");
        }
    }
}
