//! Shows the sections of a config for `check`. Connections and subscriptions stay out:
//! `cli/check` shows them.

use super::{Config, Log, Shutdown, WasmSettings};
use crate::delivery::DeliverySettings;
use crate::schema::{Group, ShownTable, Table};
use crate::{admin, ingest};

/// A section: its name, its declaration and its values.
pub type ShownSection = (&'static str, &'static Table, ShownTable);

impl Config {
    /// Returns the sections that a config has once.
    pub fn sections(&self) -> Vec<ShownSection> {
        let admin = self.admin.as_ref();
        let admin = admin.map(|admin| ("admin", admin::Settings::TABLE, Group::show(admin)));
        let mut sections = vec![("intake", ingest::Settings::TABLE, Group::show(&self.intake))];
        sections.extend(admin);
        sections.extend([
            ("log", Log::TABLE, Group::show(&self.log)),
            ("wasm", WasmSettings::TABLE, Group::show(&self.wasm)),
            (
                "http",
                crate::http::Settings::TABLE,
                Group::show(&self.http),
            ),
            (
                "delivery",
                DeliverySettings::TABLE,
                Group::show(&self.delivery),
            ),
            ("shutdown", Shutdown::TABLE, Group::show(&self.shutdown)),
        ]);
        sections
    }
}
