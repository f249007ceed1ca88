//! The sections `[intake]`, `[log]`, `[guests]` and `[shutdown]`: what the
//! process has one of.

use std::net::SocketAddr;
use std::time::Duration;

use tracing::Level;

use super::load::default_cache;
use super::read::Names;
use super::section::Reader;
use super::value::Value;
use super::{DRAIN, GUEST_MEMORY, Guests, Log, LogFormat};
use crate::http::Secret;
use crate::ingest;

const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];
const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

pub(super) fn intake(value: Option<Value<'_>>, names: &Names<'_>) -> ingest::Settings {
    let mut settings = ingest::Settings::default();
    let Some(mut section) = value.and_then(|value| value.section("[intake]")) else {
        return settings;
    };
    if let Some(into) = section.take("into").and_then(|value| names.known(&value)) {
        settings.into = into;
    }
    let token = section.take("token");
    let address = section.take("address");
    settings.token = token.as_ref().and_then(bearer_token);
    if let Some(value) = address
        && let Some(found) = socket_address(&value)
    {
        settings.address = found;
        // A token that cannot be read has its fault already.
        if settings.is_open() && token.is_none() {
            value.fault(
                format!("{found} is open to other machines, and there is no `token`"),
                "set token = \"${INTAKE_TOKEN}\", or listen on 127.0.0.1",
            );
        }
    }
    section.finish();
    settings
}

fn socket_address(value: &Value<'_>) -> Option<SocketAddr> {
    let text = value.text()?;
    let parsed = text
        .expose()
        .parse()
        .map_err(|_| format!("{} is no address to listen on", text.quoted()));
    let help = "an IP address and a port: \"127.0.0.1:8484\", \"[::1]:8484\", \"0.0.0.0:8484\"";
    value.checked(&text, parsed, help)
}

fn bearer_token(value: &Value<'_>) -> Option<Secret> {
    let text = value.secret_text()?;
    let token = text.expose();
    if token.is_empty() {
        value.fault(
            "the token is empty",
            "leave `token` out where none is wanted",
        );
        return None;
    }
    if !ingest::is_token(token) {
        value.fault(
            "the token has spaces or characters that are not visible ASCII",
            "a token is sent in an HTTP header: letters, digits and signs",
        );
        return None;
    }
    Some(Secret::new(token))
}

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

pub(super) fn shutdown(value: Option<Value<'_>>) -> Duration {
    let Some(mut section) = value.and_then(|value| value.section("[shutdown]")) else {
        return DRAIN;
    };
    let drain = section.take("drain").and_then(|value| value.duration());
    section.finish();
    drain.unwrap_or(DRAIN)
}
