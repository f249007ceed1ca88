//! Which room may name which crates and words.

use super::Violation;
use super::source::{Source, lines_naming};

/// Words that may only occur in the code below certain paths of the host.
struct OwnedWords {
    /// The words, each as in [`lines_naming`].
    words: &'static [&'static str],
    /// The beginnings of paths below `bridge-host/src`.
    owners: &'static [&'static str],
    /// The rule, as printed.
    rule: &'static str,
}

const OWNED: &[OwnedWords] = &[
    OwnedWords {
        words: &["Settlement::"],
        owners: &["delivery", "broker", "store"],
        rule: "only `delivery` chooses between ack, retry and dead letter (`broker` and `store` carry it out)",
    },
    OwnedWords {
        words: &["wasmtime", "wasmtime_"],
        owners: &["guest"],
        rule: "only `guest` names wasmtime",
    },
    OwnedWords {
        words: &["wac_"],
        owners: &["compose"],
        rule: "only `compose` names wac",
    },
    OwnedWords {
        words: &["rusqlite"],
        owners: &["store"],
        rule: "only `store` names rusqlite",
    },
    OwnedWords {
        words: &["async_nats"],
        owners: &["broker/nats"],
        rule: "only `broker/nats` names async_nats",
    },
    OwnedWords {
        // Other rooms name `broker::redis`, so single names are listed.
        words: &[
            "use redis::",
            "redis::aio",
            "redis::cmd",
            "redis::Cmd",
            "redis::Value",
        ],
        owners: &["broker/redis"],
        rule: "only `broker/redis` names the crate redis",
    },
    OwnedWords {
        words: &["env::var", "env::vars", "env::var_os", "env::vars_os"],
        owners: &["config/load.rs"],
        rule: "only `config/load.rs` reads the environment",
    },
];

/// Words that a room which sends only once has no use for.
const RETRY_WORDS: &[&str] = &["retry", "retries", "attempts", "backoff"];

/// Returns the violations in one file.
pub fn check(source: &Source) -> Vec<Violation> {
    let Some(inside) = source.in_host() else {
        return Vec::new();
    };
    let owned = OWNED
        .iter()
        .filter(|owned| !owned.owners.iter().any(|owner| is_under(inside, owner)))
        .flat_map(|owned| violations_of(source, owned.words, owned.rule));
    let retrying = match source.room() {
        Some("http") => violations_of(source, RETRY_WORDS, "`http` sends once: it never retries"),
        _ => Vec::new(),
    };
    owned.chain(retrying).collect()
}

fn violations_of(source: &Source, words: &[&str], rule: &'static str) -> Vec<Violation> {
    words
        .iter()
        .flat_map(|word| lines_naming(source.without_tests(), word))
        .map(|line| Violation::new(source, line, rule))
        .collect()
}

/// Returns whether a path belongs to an owner: `broker/nats` owns
/// `broker/nats.rs` and `broker/nats/…`, but not `broker/natsu.rs`.
fn is_under(path: &str, owner: &str) -> bool {
    path.strip_prefix(owner)
        .is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let path = format!("bridge-host/src/{path}");
        let violations = check(&Source::new(path, text));
        violations.iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_crate_stays_in_its_room() {
        let text = "//! x\nuse rusqlite::Connection;";
        assert_eq!(lines("delivery/decide.rs", text), [2]);
        assert_eq!(lines("broker/open.rs", text), [2]);
        assert!(lines("store/database.rs", text).is_empty());
        assert_eq!(lines("broker/embedded.rs", text), [2]);
        assert_eq!(lines("host.rs", "use wasmtime_wasi::p2;"), [1]);
        assert!(lines("guest/engine.rs", "use wasmtime::Engine;").is_empty());
        assert_eq!(lines("guest/engine.rs", "use wac_graph::types;"), [1]);
    }

    #[test]
    fn only_delivery_settles() {
        let text = "receipt.settle(Settlement::Filtered)";
        assert_eq!(lines("guest/call.rs", text), [1]);
        assert!(lines("delivery/settle.rs", text).is_empty());
        assert!(lines("guest/call.rs", "// Settlement::Filtered").is_empty());
    }

    #[test]
    fn only_load_reads_the_environment() {
        assert_eq!(lines("cli/run.rs", "std::env::var_os(\"X\")"), [1]);
        assert!(lines("config/load.rs", "std::env::var(\"X\")").is_empty());
        assert!(lines("cli/run.rs", "std::env::temp_dir()").is_empty());
    }

    #[test]
    fn http_sends_once() {
        assert_eq!(lines("http/client.rs", "for left in 0..attempts {}"), [1]);
        assert!(lines("http/client.rs", "let retry_after = 1;").is_empty());
        assert!(lines("delivery/run.rs", "for left in 0..attempts {}").is_empty());
    }
}
