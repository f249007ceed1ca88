//! What a component can access through an import, as far as this host grants it.

use serde::Serialize;

use super::interface::Interface;
use super::linked_interfaces::{LOGGING, SETTINGS, has_wasi};
use super::revision::MessagingRevision;
use super::standard::{ASYNC_HANDLER, HANDLER, PRODUCER, REQUEST_REPLY, standard, standard_of};

/// What an import gives access to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportAccess {
    /// The messages that the component receives or creates.
    Messages,
    /// The next component of the chain.
    Next,
    /// The connections of the config, to send messages.
    Producing,
    /// HTTP, to the hosts that the config allows.
    Http,
    /// The settings of the subscription.
    Settings,
    /// The time, and timers.
    Clocks,
    /// Random numbers.
    Random,
    /// The log, through standard output, standard error and wasi:logging.
    Log,
    /// Streams and polling, as other interfaces use them.
    Streams,
    /// Folders and environment variables that the config grants to an HTTP handler.
    Granted,
    /// Nothing: it is linked so that the component starts, and every call fails.
    Nothing,
    /// Types only, without functions.
    Types,
    /// Nothing: the host does not provide it, so the component does not start.
    Unknown,
}

impl ImportAccess {
    /// All variants, in the order in which they are shown.
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

    /// Returns what this import gives access to.
    pub fn of(import: &Interface) -> Self {
        let draft = || standard_of(MessagingRevision::Draft, &import.name);
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
            _ if import.is_types_only() => Self::Types,
            _ => Self::Unknown,
        }
    }

    /// Classifies an interface of wasi 0.2 or 0.3 that is linked.
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

    /// Returns a description to show.
    pub fn description(self) -> &'static str {
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
            Self::Unknown => "not provided: the component will not start",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::contract::Function;

    fn reach(name: &str) -> ImportAccess {
        ImportAccess::of(&Interface {
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
    fn imports_are_classified_by_access() {
        for (name, wanted) in [
            ("wasi:messaging/types@0.2.0-draft", ImportAccess::Messages),
            ("wasi:messaging/types@0.3.0", ImportAccess::Unknown),
            (
                "wasi:messaging/incoming-handler@0.2.0-draft",
                ImportAccess::Next,
            ),
            (
                "wasi:messaging/producer@0.2.0-draft",
                ImportAccess::Producing,
            ),
            (
                "wasi:messaging/request-reply@0.2.0-draft",
                ImportAccess::Producing,
            ),
            ("wasi:http/outgoing-handler@0.2.9", ImportAccess::Http),
            ("wasi:http/client@0.3.2", ImportAccess::Http),
            ("wasi:http/handler@0.3.0", ImportAccess::Http),
            ("wasi:http/handler@0.2.0", ImportAccess::Unknown),
            (
                "wasi:http/outgoing-handler@0.2.0-rc-2023-12-05",
                ImportAccess::Unknown,
            ),
            ("wasi:clocks/timezone@0.2.12", ImportAccess::Unknown),
            (
                "wasi:http/client@0.3.0-rc-2026-01-06",
                ImportAccess::Unknown,
            ),
            ("wasi:config/store@0.2.0-rc.1", ImportAccess::Settings),
            ("wasi:config/store@0.2.0-draft", ImportAccess::Settings),
            ("wasi:config/store@0.3.0", ImportAccess::Unknown),
            ("wasi:logging/logging", ImportAccess::Log),
            ("wasi:clocks/wall-clock@0.2.3", ImportAccess::Clocks),
            ("wasi:cli/stderr@0.2.3", ImportAccess::Log),
            ("wasi:cli/terminal-stdin@0.2.3", ImportAccess::Nothing),
            ("wasi:filesystem/types@0.2.9", ImportAccess::Granted),
            ("wasi:sockets/tcp@0.2.9", ImportAccess::Nothing),
            ("acme:shop/prices", ImportAccess::Unknown),
        ] {
            assert_eq!(reach(name), wanted, "{name}");
        }
    }
}
