//! The settings of a Redis connection: the server, the stream, and the length of leases.
//! `descriptor` uses them.

use std::path::PathBuf;
use std::time::Duration;

use super::url::{self, UrlError};
use crate::schema::{
    Declaration, Rejection, Section, Shape, duration, integer, path_to, pem, secret, secret_of,
    table, text,
};
use crate::secret::Secret;
use crate::settings;

/// How long a message stays with a silent host, unless the config says otherwise.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(30);

const URL_HELP: &str = UrlError::Invalid.help();

const URL: Shape = Shape {
    name: "URL of a Redis server",
    pattern: Some("^rediss?://"),
    check,
    help: URL_HELP,
};

const NAME: Declaration<String> = text(&Shape {
    name: "name",
    pattern: None,
    check: check_name,
    help: "leave it out for the default",
});

settings! {
    /// A connection to Redis.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settings {
        /// `"redis://host:6379"`, or `"rediss://…"` for TLS; with `/N` for another database. It may have a user
        /// and a password, and is never shown.
        url: Secret = secret_of(&URL).required(URL_HELP);
        /// The ACL user, where it is not in the URL.
        user: Option<String> = NAME.optional("none");
        /// The user's password, where it is not in the URL; secret. Without `user` it is the default user's.
        password: Option<Secret> = secret().optional("none");
        /// TLS, beyond what `rediss://` asks for.
        tls: Tls = table().default("{}");
        /// The key of the stream, with which all other keys begin.
        stream: String = NAME.default("\"bridge\"");
        /// About this many entries are kept; older ones are removed, **pending ones too**.
        max_length: Option<u32> = integer().optional("none: the stream [grows](../guides/running-on-redis.md#what-grows)");
        /// Older entries are removed, **pending ones too**.
        max_age: Option<Duration> = duration().optional("none");
        /// When a host was silent for this long, its messages are redelivered to another host; the host extends the
        /// leases of attempts in flight.
        ack_wait: Duration = duration().default("\"30s\"").least(
            Duration::from_secs(1),
            "with less, messages in flight are delivered to another host",
        );
        /// An id seen again on the same topic within this time is a duplicate.
        deduplication_window: Duration = duration().default("\"2m\"");
        /// The longest wait between two attempts to connect; it begins at 50 ms and doubles.
        max_reconnect_wait: Duration = duration().default("\"10s\"");
    }
    check = check_user;
}

settings! {
    /// TLS.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Tls {
        /// Certificate authorities to trust instead of the system's.
        ca_file: Option<PathBuf> = path_to(&pem::FILE).optional("the system's certificates");
        /// This host's certificate, and its key.
        client: pem::Client;
    }
}

impl Settings {
    /// A connection to this URL, with the defaults.
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            user: None,
            password: None,
            tls: Tls::default(),
            stream: "bridge".into(),
            max_length: None,
            max_age: None,
            ack_wait: ACK_WAIT,
            deduplication_window: Duration::from_secs(120),
            max_reconnect_wait: Duration::from_secs(10),
        }
    }
}

/// Redis takes a user only together with a password.
fn check_user(section: &Section<'_>, settings: &Settings) {
    let in_url = settings.url.expose().contains('@');
    if settings.user.is_some() && settings.password.is_none() && !in_url {
        section.missing(
            "password",
            "set the password of `user`: password = \"${REDIS_PASSWORD}\"",
        );
    }
}

fn check(url: &str) -> Result<(), Rejection> {
    match url::parse(&Secret::new(url)) {
        Ok(_) => Ok(()),
        Err(error) => Err(Rejection::new(error.to_string(), error.help())),
    }
}

fn check_name(name: &str) -> Result<(), Rejection> {
    match name.is_empty() {
        true => Err("it is empty".into()),
        false => Ok(()),
    }
}
