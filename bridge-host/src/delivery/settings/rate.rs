//! `rate_limit`: a rate, or a table with a burst. `delivery/admission_gate`
//! enforces it.

use std::time::Duration;

use serde_json::json;
use toml::de::DeValue;

use crate::schema::{
    self, Declaration, Group, Kind, RATE_HELP, SettingValue, Shown, Value, integer, show_rate,
};
use crate::settings;

/// A number of attempts per time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many attempts.
    pub count: u32,
    /// The time; greater than zero.
    pub per: Duration,
    /// How many attempts may be made at once after an idle time; at least 1.
    pub burst: u32,
}

settings! {
    /// A rate and its burst.
    #[derive(Clone, Debug)]
    pub struct RateAndBurst in "`rate_limit`" {
        /// Attempts per second, minute, hour or day.
        rate: Plain = Declaration::kind(Kind::Rate).required(RATE_HELP);
        /// How many attempts may be made at once after an idle time.
        burst: Option<u32> = integer().optional("as many as the rate allows in a tenth of a second");
    }
}

/// The kind of the setting `rate_limit`.
pub(super) const LIMIT: Declaration<Rate> =
    Declaration::kind(Kind::Either(&Kind::Rate, &Kind::Table(RateAndBurst::TABLE)));

/// A rate with its default burst.
#[derive(Clone, Copy, Debug)]
pub struct Plain(Rate);

impl SettingValue for Rate {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        if !matches!(value.value, DeValue::Table(_)) {
            return Plain::from_value(value, kind).map(|rate| rate.0);
        }
        let RateAndBurst { rate, burst } = value.table()?;
        let Plain(rate) = rate;
        Some(Self {
            burst: burst.unwrap_or(rate.burst),
            ..rate
        })
    }

    fn show(&self) -> Shown {
        json!({ "rate": show_rate(self.count, self.per), "burst": self.burst })
    }
}

impl SettingValue for Plain {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        if !matches!(value.value, DeValue::String(_)) {
            value.wrong_kind("a rate", RATE_HELP);
            return None;
        }
        let text = value.text()?;
        let Some((count, per)) = schema::rate(text.expose()) else {
            value.fault(format!("{} is no rate", text.quoted()), RATE_HELP);
            return None;
        };
        // A tenth of a second's worth, because timers tick in milliseconds.
        let tenth = f64::from(count) / per.as_secs_f64() / 10.0;
        let burst = (tenth as u32).max(1);
        Some(Self(Rate { count, per, burst }))
    }

    fn show(&self) -> Shown {
        show_rate(self.0.count, self.0.per).into()
    }
}
