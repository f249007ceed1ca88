//! Former names of keys: the error for a key that was renamed gives its current name. A
//! former name is not read as the setting.

/// A key that was renamed.
struct Former {
    /// A current key of the table that had the former key: usually the current name.
    beside: &'static str,
    key: &'static str,
    help: &'static str,
}

const fn now(beside: &'static str, key: &'static str, help: &'static str) -> Former {
    Former { beside, key, help }
}

const FORMER: [Former; 14] = [
    now("wasm", "guests", "it is called `wasm` now: [wasm]"),
    now("publish_to", "into", "it is called `publish_to` now"),
    now("middleware", "through", "it is called `middleware` now"),
    now("permissions", "grant", "it is called `permissions` now"),
    now(
        "circuit_breaker",
        "breaker",
        "it is called `circuit_breaker` now: circuit_breaker = { failures = 10, cooldown = \"30s\" }",
    ),
    now("failures", "after", "it is called `failures` now"),
    now("cooldown", "open_for", "it is called `cooldown` now"),
    now("cpu_time", "compute", "it is called `cpu_time` now"),
    now(
        "reuse",
        "fresh",
        "it is the opposite of `reuse` now: `reuse = false` gives each message a new instance",
    ),
    now("max_calls", "recycle_after", "it is called `max_calls` now"),
    now(
        "initial_delay",
        "initial",
        "it is called `initial_delay` now",
    ),
    now("max_delay", "max", "it is called `max_delay` now"),
    now("drain_timeout", "drain", "it is called `drain_timeout` now"),
    now(
        "durable",
        "deliver",
        "it is `start` now, a key of the subscription and not of its `consumer`: start = \"new\"",
    ),
];

/// Returns the help for a former key of a table with the keys `known`.
pub(crate) fn former_name(known: &[&str], key: &str) -> Option<&'static str> {
    let mut all = FORMER.iter();
    let found = all.find(|former| former.key == key && known.contains(&former.beside));
    found.map(|former| former.help)
}
