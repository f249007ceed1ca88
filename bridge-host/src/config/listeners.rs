//! Reads `[intake]` and `[admin]`, and checks them against each other and the connections.
//! Their keys are declared by `ingest` and `admin`.

use std::collections::BTreeMap;

use super::Connection;
use super::optional_section::section;
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
                "`unrouted = \"refuse\"` requires an embedded broker, and {:?} is not one",
                settings.publish_to
            ),
            "leave it out: other hosts may have subscriptions that this host does not know",
        );
    }
    settings
}

/// Reads `[admin]`. There is a listener for operators if the section exists, even if it
/// is empty.
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
            "give [admin] another port, such as 8483, or leave the section out: the intake answers /healthz, /readyz and /ledger, too",
        );
    }
    Some(settings)
}
