//! What has to fit between `[intake]`, `[admin]` and the connections. The keys of
//! both are declared by their rooms.

use std::collections::BTreeMap;

use super::Connection;
use super::top::section;
use crate::admin;
use crate::ingest::{self, Unrouted};
use crate::schema::Section;

pub(super) fn intake(
    top: &mut Section<'_>,
    connections: &BTreeMap<String, Option<Connection>>,
) -> ingest::Settings {
    let settings: ingest::Settings = section(top, "intake");
    let target = connections.get(&settings.publish_to);
    let target = target.and_then(Option::as_ref);
    let is_own = target.is_some_and(|target| !target.capabilities().shared);
    if let Some(intake) = top.peek("intake")
        && settings.unrouted == Unrouted::Refuse
        && !is_own
    {
        intake.key("unrouted").fault(
            format!(
                "`unrouted = \"refuse\"` needs an embedded broker, and {:?} is not one",
                settings.publish_to
            ),
            "leave it out: other hosts may have subscriptions there, which this one does not know",
        );
    }
    settings
}

/// Operators have a listener where the section is there, an empty one too.
pub(super) fn admin(top: &mut Section<'_>, intake: &ingest::Settings) -> Option<admin::Settings> {
    let settings = top.read::<Option<admin::Settings>>("admin")??;
    let address = settings.address;
    if let Some(admin) = top.peek("admin")
        && address == intake.address
        && address.port() != 0
    {
        let value = admin.key("address");
        let span = match value.key == "address" {
            true => value.span,
            false => admin.key_span,
        };
        top.reader.fault(
            span,
            format!("{address} is the address of [intake] too"),
            "give [admin] another port, such as 8483; or leave it out: the intake answers /healthz, /readyz and /ledger as well",
        );
    }
    Some(settings)
}
