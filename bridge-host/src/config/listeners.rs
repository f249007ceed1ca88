//! The sections `[intake]` and `[admin]`: where the bridge listens, and who may
//! come in.

use std::net::SocketAddr;

use super::read::Names;
use super::section::Section;
use super::value::Value;
use crate::admin;
use crate::http::Secret;
use crate::ingest::{self, Unrouted};
use crate::listener::{Access, is_token};

const UNROUTED: [(&str, Unrouted); 2] = [("keep", Unrouted::Keep), ("refuse", Unrouted::Refuse)];

pub(super) fn intake(value: Option<Value<'_>>, names: &Names<'_>) -> ingest::Settings {
    let mut settings = ingest::Settings::default();
    let Some(mut section) = value.and_then(|value| value.section("[intake]")) else {
        return settings;
    };
    if let Some(into) = section.take("into").and_then(|value| names.known(&value)) {
        settings.into = into;
    }
    if let Some(value) = section.take("unrouted")
        && let Some(unrouted) = value.one_of(&UNROUTED)
    {
        settings.unrouted = unrouted;
        if unrouted == Unrouted::Refuse && !names.is_embedded(&settings.into) {
            value.fault(
                format!("`unrouted = \"refuse\"` needs an embedded broker, and {:?} is not one", settings.into),
                "leave it out: other hosts may have subscriptions there, which this one does not know",
            );
        }
    }
    (settings.address, settings.token) = listener(&mut section, settings.address, "INTAKE_TOKEN");
    section.finish();
    settings
}

/// Operators have a listener where the section is there, an empty one too.
pub(super) fn admin(
    value: Option<Value<'_>>,
    intake: &ingest::Settings,
) -> Option<admin::Settings> {
    let mut section = value?.section("[admin]")?;
    let place = section.peek("address");
    let standard = admin::Settings::default().address;
    let (address, token) = listener(&mut section, standard, "ADMIN_TOKEN");
    if address == intake.address && address.port() != 0 {
        let what = format!("{address} is the address of [intake] too");
        let help = "give [admin] another port, such as 8483; or leave it out: the intake answers /healthz, /readyz and /ledger as well";
        let span = place.map_or(section.span.clone(), |place| place.span);
        section.reader.fault(span, what, help);
    }
    section.finish();
    Some(admin::Settings { address, token })
}

/// The keys `address` and `token`, which every listener has.
fn listener(
    section: &mut Section<'_>,
    standard: SocketAddr,
    variable: &str,
) -> (SocketAddr, Option<Secret>) {
    let written = section.take("token");
    let token = written.as_ref().and_then(bearer_token);
    let value = section.take("address");
    let address = value.as_ref().and_then(socket_address);
    // A token that cannot be read has its fault already.
    if let (Some(value), Some(address), None) = (&value, address, &written)
        && Access::is_open(None, address.ip())
    {
        value.fault(
            format!("{address} is open to other machines, and no `token` is set"),
            format!("set token = \"${{{variable}}}\", or listen on 127.0.0.1"),
        );
    }
    (address.unwrap_or(standard), token)
}

fn socket_address(value: &Value<'_>) -> Option<SocketAddr> {
    let text = value.text()?;
    let parsed = text
        .expose()
        .parse()
        .map_err(|_| format!("{} is not an address to listen on", text.quoted()));
    let help = "an IP address and a port: \"127.0.0.1:8484\", \"[::1]:8484\", \"0.0.0.0:8484\"";
    value.checked(&text, parsed, help)
}

fn bearer_token(value: &Value<'_>) -> Option<Secret> {
    let text = value.secret_text()?;
    let token = text.expose();
    if token.is_empty() {
        value.fault("the token is empty", "leave `token` out if you want none");
        return None;
    }
    if !is_token(token) {
        value.fault(
            "the token has spaces or characters that are not visible ASCII",
            "use letters, digits and punctuation: the token is sent in an HTTP header",
        );
        return None;
    }
    Some(Secret::new(token))
}
