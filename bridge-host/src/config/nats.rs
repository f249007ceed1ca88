//! Connections of the types `nats` and `jetstream`, and the table `consumer` of
//! subscriptions that come from the latter.

use std::time::Duration;

use super::pem;
use super::section::Section;
use super::text::Text;
use super::value::Value;
use crate::broker::nats::{
    Auth, Consumer, JetStreamSettings, Secret, Settings, Storage, Stream, Tls, check_name,
    check_subject,
};

const URL_HELP: &str =
    "url = \"nats://host:4222\", or a list of the servers of one cluster; tls:// asks for TLS";
const SCHEMES: [&str; 2] = ["nats://", "tls://"];
const STORAGES: [(&str, Storage); 2] = [("file", Storage::File), ("memory", Storage::Memory)];
/// No wait between two attempts to connect is longer, unless told otherwise.
const MAX_RECONNECT_WAIT: Duration = Duration::from_secs(10);
/// A lease that is shorter is over before it can be extended.
const LEAST_ACK_WAIT: Duration = Duration::from_secs(1);

/// A section of the type `nats`.
pub(super) fn core(mut section: Section<'_>) -> Option<Settings> {
    let settings = connection(&mut section);
    section.finish();
    settings
}

/// A section of the type `jetstream`.
pub(super) fn jetstream(mut section: Section<'_>) -> Option<JetStreamSettings> {
    let connection = connection(&mut section);
    let domain = section.take("domain").and_then(|value| name(&value));
    let stream = section.take("stream").map(|value| stream(&value));
    section.finish();
    Some(JetStreamSettings {
        connection: connection?,
        domain,
        stream: stream.unwrap_or_default(),
        consumers: Default::default(),
    })
}

fn connection(section: &mut Section<'_>) -> Option<Settings> {
    let urls = match section.take("url") {
        Some(value) => urls(&value),
        None => {
            section.missing("url", URL_HELP);
            None
        }
    };
    let auth = auth(section);
    let tls = section.take("tls").map(|value| tls(&value));
    let wait = section
        .take("max_reconnect_wait")
        .and_then(|value| value.duration());
    Some(Settings {
        urls: urls?,
        auth: auth?,
        tls: tls.unwrap_or_default(),
        max_reconnect_wait: wait.unwrap_or(MAX_RECONNECT_WAIT),
    })
}

fn urls(value: &Value<'_>) -> Option<Vec<String>> {
    let found: Vec<_> = match value.value {
        toml::de::DeValue::Array(_) => {
            let items = value.list(URL_HELP)?;
            items.iter().map(url).collect()
        }
        _ => vec![url(value)],
    };
    found.into_iter().collect()
}

fn url(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let url = text.expose();
    let Some(rest) = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        value.fault(
            format!("{} is no URL of a NATS server", text.quoted()),
            URL_HELP,
        );
        return None;
    };
    if rest.contains('@') {
        value.fault(
            "the URL has a user or a password in it, which would be shown",
            "set `user` and `password`, or `token`: \"${NAME}\" keeps them out of the file",
        );
        return None;
    }
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
        value.fault(
            format!("{} is no URL of a NATS server", text.quoted()),
            URL_HELP,
        );
        return None;
    }
    Some(url.into())
}

/// One way to show who this is, at most; `None` where there is a fault.
fn auth(section: &mut Section<'_>) -> Option<Auth> {
    let (user, password) = (section.take("user"), section.take("password"));
    let single = [
        ("token", section.take("token")),
        ("nkey", section.take("nkey")),
        ("credentials", section.take("credentials")),
    ];
    let given: Vec<_> = single
        .iter()
        .filter_map(|(key, value)| Some((*key, value.as_ref()?)))
        .collect();
    let ways = given.len() + usize::from(user.is_some() || password.is_some());
    if ways > 1 {
        section.reader.fault(
            section.span.clone(),
            format!(
                "{} has several of `token`, `user` with `password`, `nkey`, `credentials`",
                section.name
            ),
            "a server asks for one of them: leave the others out",
        );
        return None;
    }
    match (user, password, given.first()) {
        (Some(user), Some(password), _) => {
            let user = user.text()?.expose().to_owned();
            Some(Auth::User(user, secret(&password)?))
        }
        (Some(_), None, _) => {
            section.missing(
                "password",
                "a user has one: password = \"${NATS_PASSWORD}\"",
            );
            None
        }
        (None, Some(_), _) => {
            section.missing("user", "a password belongs to one: user = \"…\"");
            None
        }
        (None, None, Some(("token", value))) => secret(value).map(Auth::Token),
        (None, None, Some(("nkey", value))) => nkey(value).map(Auth::Nkey),
        (None, None, Some((_, value))) => credentials(value).map(Auth::Credentials),
        (None, None, None) => Some(Auth::None),
    }
}

fn secret_text(value: &Value<'_>) -> Option<Text> {
    let text = value.secret_text()?;
    if text.expose().is_empty() {
        let what = format!("`{}` is empty", value.key);
        value.fault(what, "leave it out where none is wanted");
        return None;
    }
    Some(text)
}

fn secret(value: &Value<'_>) -> Option<Secret> {
    secret_text(value).map(|text| Secret::new(text.expose()))
}

fn nkey(value: &Value<'_>) -> Option<Secret> {
    let text = secret_text(value)?;
    let seed = text.expose();
    if !(seed.starts_with("SU") && seed.len() == 58) {
        value.fault(
            "`nkey` is no seed of a user",
            "a seed begins with SU and has 58 letters and digits: nkey = { file = \"user.nk\" }",
        );
        return None;
    }
    Some(Secret::new(seed))
}

fn credentials(value: &Value<'_>) -> Option<Secret> {
    let text = secret_text(value)?;
    const PARTS: [(&str, &str); 2] = [
        ("BEGIN NATS USER JWT", "no JWT of a user"),
        ("BEGIN USER NKEY SEED", "no seed of a user"),
    ];
    let found = |part: &&(&str, &str)| !text.expose().contains(part.0);
    if let Some((_, missing)) = PARTS.iter().find(found) {
        value.fault(
            format!("`credentials` has {missing} in it"),
            "it is the text of a file that `nsc` wrote: credentials = { file = \"user.creds\" }",
        );
        return None;
    }
    // The client looks for the end of the last line, which a file's text lost.
    Some(Secret::new(format!("{}\n", text.expose().trim_end())))
}

fn tls(value: &Value<'_>) -> Tls {
    let mut tls = Tls::default();
    let Some(mut section) = value.section("`tls`") else {
        return tls;
    };
    tls.ca_file = pem::ca(&mut section);
    tls.client = pem::client(&mut section);
    if let Some(required) = section.take("required").and_then(|value| value.flag()) {
        tls.required = required;
    }
    section.finish();
    tls
}

fn stream(value: &Value<'_>) -> Stream {
    let mut stream = Stream::default();
    let Some(mut section) = value.section("`stream`") else {
        return stream;
    };
    stream.name = section.take("name").and_then(|value| name(&value));
    stream.subjects = section.take("subjects").and_then(|value| subjects(&value));
    if let Some(create) = section.take("create").and_then(|value| value.flag()) {
        stream.create = create;
    }
    if let Some(value) = section.take("replicas") {
        stream.replicas = value.count().map_or(1, |count| count as usize);
        if stream.replicas > 5 {
            value.fault(
                "`replicas` is more than 5",
                "NATS keeps a message on 5 servers at most",
            );
        }
    }
    stream.max_age = section.take("max_age").and_then(|value| value.duration());
    stream.max_bytes = section.take("max_bytes").and_then(|value| value.size());
    if let Some(storage) = section.take("storage").and_then(|it| it.one_of(&STORAGES)) {
        stream.storage = storage;
    }
    let window = section.take("deduplication_window");
    if let Some(window) = window.and_then(|value| value.duration()) {
        stream.deduplication_window = window;
    }
    section.finish();
    stream
}

fn subjects(value: &Value<'_>) -> Option<Vec<String>> {
    const HELP: &str = "a list of topics: subjects = [\"orders.>\"]";
    let items = value.list(HELP)?;
    let subject = |item: &Value<'_>| {
        let text = item.text()?;
        let pattern = crate::message::TopicPattern::parse(text.expose());
        let pattern = item.checked(&text, pattern, HELP)?;
        item.checked(&text, check_subject(pattern.as_str()), HELP)?;
        Some(pattern.as_str().to_owned())
    };
    items.iter().map(subject).collect()
}

fn name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let help = "letters, digits, `-` and `_` are always good";
    value.checked(&text, check_name(text.expose()), help)?;
    Some(text.expose().into())
}

/// The table `consumer` of a subscription.
pub(super) fn consumer(value: &Value<'_>) -> Option<Consumer> {
    let mut consumer = Consumer::default();
    let mut section = value.section("`consumer`")?;
    consumer.durable = section.take("durable").and_then(|value| name(&value));
    if let Some(create) = section.take("create").and_then(|value| value.flag()) {
        consumer.create = create;
    }
    if let Some(value) = section.take("ack_wait")
        && let Some(ack_wait) = value.duration()
    {
        consumer.ack_wait = ack_wait;
        if ack_wait < LEAST_ACK_WAIT {
            let help = "with less, messages under way are given to another host";
            value.fault("`ack_wait` is less than 1s", help);
        }
    }
    if let Some(most) = section.take("max_ack_pending").and_then(|it| it.count()) {
        consumer.max_ack_pending = most;
    }
    section.finish();
    Some(consumer)
}
