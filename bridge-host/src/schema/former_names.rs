//! Former names of keys: the error for a key that was renamed gives its current name. A
//! former name is not read as the setting.

/// A key that was renamed.
struct Former {
    key: &'static str,
    /// A current key of the table that had the former key: the current name, unless `help`
    /// says otherwise.
    beside: &'static str,
    help: Option<&'static str>,
}

const fn renamed(key: &'static str, beside: &'static str) -> Former {
    let help = None;
    Former { key, beside, help }
}

const fn changed(key: &'static str, beside: &'static str, help: &'static str) -> Former {
    let help = Some(help);
    Former { key, beside, help }
}

const FORMER: [Former; 14] = [
    changed("guests", "wasm", "it is called `wasm` now: [wasm]"),
    renamed("into", "publish_to"),
    renamed("through", "middleware"),
    renamed("grant", "permissions"),
    changed(
        "breaker",
        "circuit_breaker",
        "it is called `circuit_breaker` now: circuit_breaker = { failures = 10, cooldown = \"30s\" }",
    ),
    renamed("after", "failures"),
    renamed("open_for", "cooldown"),
    renamed("compute", "cpu_time"),
    changed(
        "fresh",
        "reuse",
        "it is the opposite of `reuse` now: `reuse = false` gives each message a new instance",
    ),
    renamed("recycle_after", "max_calls"),
    renamed("initial", "initial_delay"),
    renamed("max", "max_delay"),
    renamed("drain", "drain_timeout"),
    changed(
        "deliver",
        "durable",
        "it is `start` now, a key of the subscription and not of its `consumer`: start = \"new\"",
    ),
];

/// Returns the help for a former key of a table with the keys `known`.
pub(crate) fn former_name(known: &[&str], key: &str) -> Option<String> {
    let mut all = FORMER.iter();
    let found = all.find(|former| former.key == key && known.contains(&former.beside))?;
    let renamed = || format!("it is called `{}` now", found.beside);
    Some(found.help.map_or_else(renamed, str::to_owned))
}
