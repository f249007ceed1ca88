//! Brokers are independent: no file in a broker's folder names another broker's
//! module. Code that several brokers need is in `broker/kit`.

use std::collections::BTreeSet;

use super::Violation;
use super::source::{Source, lines_naming};

/// The folder that is not a broker.
const KIT: &str = "kit";

const NAMES_ANOTHER: &str = "no broker's folder names another broker: what both need is `broker/kit`, or a room below `broker`";

/// Returns the violations in all files together.
pub fn check(sources: &[Source]) -> Vec<Violation> {
    let brokers: BTreeSet<&str> = sources.iter().filter_map(folder).collect();
    let mut violations = Vec::new();
    for source in sources {
        let Some(own) = own(source).filter(|own| brokers.contains(own)) else {
            continue;
        };
        for other in brokers.iter().filter(|other| **other != own) {
            let lines = lines_naming(&source.code, other).into_iter();
            violations.extend(lines.map(|line| Violation::new(source, line, NAMES_ANOTHER)));
        }
    }
    violations
}

/// Returns the broker in whose folder a file is.
fn folder(source: &Source) -> Option<&str> {
    let (name, _) = source.in_host()?.strip_prefix("broker/")?.split_once('/')?;
    (name != KIT).then_some(name)
}

/// Returns the broker that a file belongs to; `nats` also for `broker/nats.rs`.
fn own(source: &Source) -> Option<&str> {
    let inside = source.in_host()?.strip_prefix("broker/")?;
    folder(source).or_else(|| inside.strip_suffix(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_share_the_kit_and_nothing_else() {
        let source = |path: &str, text: &str| Source::new(format!("bridge-host/src/{path}"), text);
        let sources = [
            source("broker/nats/core.rs", "use crate::broker::redis::Keys;"),
            source("broker/nats.rs", "\nuse super::{redis, kit};"),
            source(
                "broker/redis/group.rs",
                "// As nats has it.\nuse crate::broker::kit::credit;",
            ),
            source("broker/kit/credit.rs", "fn nats() {}"),
            source("broker/all.rs", "use super::{nats, redis};"),
        ];
        let found: Vec<_> = check(&sources)
            .into_iter()
            .map(|it| (it.path, it.line))
            .collect();
        let expected = [("broker/nats/core.rs", 1), ("broker/nats.rs", 2)];
        let expected = expected.map(|(path, line)| (format!("bridge-host/src/{path}"), line));
        assert_eq!(found, expected);
    }
}
