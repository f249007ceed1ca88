//! The sections `[log]`, `[guests]`, `[delivery]` and `[shutdown]`: what the
//! process has one of.

use std::time::Duration;

use tracing::Level;

use super::load::default_cache;
use super::section::Reader;
use super::value::Value;
use super::{DRAIN, GUEST_MEMORY, Guests, Log, LogFormat};
use crate::delivery::Policy;

const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];
const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

pub(super) fn log(value: Option<Value<'_>>) -> Log {
    let mut log = Log::default();
    let Some(mut section) = value.and_then(|value| value.section("[log]")) else {
        return log;
    };
    if let Some(format) = section.take("format").and_then(|it| it.one_of(&FORMATS)) {
        log.format = format;
    }
    if let Some(level) = section.take("level").and_then(|it| it.one_of(&LEVELS)) {
        log.level = level;
    }
    section.finish();
    log
}

pub(super) fn guests(reader: &Reader<'_>, value: Option<Value<'_>>) -> Guests {
    let mut guests = Guests {
        memory: GUEST_MEMORY,
        cache: default_cache(reader.environment),
    };
    let Some(mut section) = value.and_then(|value| value.section("[guests]")) else {
        return guests;
    };
    if let Some(memory) = section.take("memory").and_then(|value| value.size()) {
        guests.memory = memory;
    }
    if let Some(cache) = section.take("cache").and_then(|value| value.path()) {
        guests.cache = cache;
    }
    section.finish();
    guests
}

/// Reads `max_hops`, which holds for the deliveries of all subscriptions.
pub(super) fn delivery(value: Option<Value<'_>>) -> u32 {
    let default = Policy::default().max_hops;
    let Some(mut section) = value.and_then(|value| value.section("[delivery]")) else {
        return default;
    };
    let most = section.take("max_hops").and_then(|value| value.count());
    section.finish();
    most.unwrap_or(default)
}

pub(super) fn shutdown(value: Option<Value<'_>>) -> Duration {
    let Some(mut section) = value.and_then(|value| value.section("[shutdown]")) else {
        return DRAIN;
    };
    let drain = section.take("drain").and_then(|value| value.duration());
    section.finish();
    drain.unwrap_or(DRAIN)
}
