//! The interfaces that this host links, as tables. A test compares them with `interfaces/linker`.
//! The advice for a missing interface is in `missing_imports`.

/// The interfaces of wasi 0.2 that are linked, by package.
pub(in crate::guest) const WASI_0_2: [(&str, &[&str]); 7] = [
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:random", &["insecure", "insecure-seed", "random"]),
    ("wasi:cli", &CLI),
    ("wasi:filesystem", &["preopens", "types"]),
    (
        "wasi:sockets",
        &[
            "instance-network",
            "ip-name-lookup",
            "network",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
    ),
    ("wasi:http", &["outgoing-handler", "types"]),
];

/// The interfaces of wasi 0.3 that are linked. `types` of wasi:cli and wasi:clocks has no
/// functions.
pub(in crate::guest) const WASI_0_3: [(&str, &[&str]); 6] = [
    ("wasi:clocks", &["monotonic-clock", "system-clock"]),
    ("wasi:random", &["insecure", "insecure-seed", "random"]),
    ("wasi:cli", &CLI),
    ("wasi:filesystem", &["preopens", "types"]),
    ("wasi:sockets", &["ip-name-lookup", "types"]),
    ("wasi:http", &["client", "handler", "types"]),
];

const CLI: [&str; 10] = [
    "environment",
    "exit",
    "stderr",
    "stdin",
    "stdout",
    "terminal-input",
    "terminal-output",
    "terminal-stderr",
    "terminal-stdin",
    "terminal-stdout",
];

/// The names under which the settings are linked.
pub(in crate::guest) const SETTINGS: [&str; 2] = [
    "wasi:config/store@0.2.0-rc.1",
    "wasi:config/store@0.2.0-draft",
];

/// The names under which the log is linked.
pub(in crate::guest) const LOGGING: [&str; 2] =
    ["wasi:logging/logging", "wasi:logging/logging@0.1.0-draft"];

/// An import that the host does not provide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImport {
    /// The interface.
    pub import: String,
    /// Why, and what to do about it.
    pub meaning: &'static str,
}

/// Returns whether an interface of wasi is linked.
pub(super) fn has_wasi(path: &str, version: &str) -> bool {
    let table: &[(&str, &[&str])] = match version {
        // A release candidate has other types.
        _ if version.contains('-') => return false,
        _ if version.starts_with("0.2.") => &WASI_0_2,
        _ if version.starts_with("0.3.") => &WASI_0_3,
        _ => return false,
    };
    path.split_once('/').is_some_and(|(package, interface)| {
        let of_package = table.iter().find(|(name, _)| *name == package);
        of_package.is_some_and(|(_, interfaces)| interfaces.contains(&interface))
    })
}
