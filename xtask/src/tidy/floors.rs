//! The floors of the host: a room may use what lies below it, never what lies
//! above, nor its neighbours.

use super::Breach;
use super::source::{Source, line_at};

/// From the roof to the ground.
const FLOORS: &[&[&str]] = &[
    &["cli"],
    &["host"],
    &["config"],
    &["admin", "ingest"],
    &["delivery"],
    &["guest", "compose", "listener"],
    &["broker", "http"],
    &["schema"],
    &["files", "message", "printable", "secret", "trouble"],
];

/// Neighbours that may meet all the same, and where.
const MEETINGS: &[(&str, &str)] = &[
    // Both must know what a component's shape is.
    ("compose", "guest::contract"),
    // The intake's listener shows health and ledger too.
    ("ingest", "admin"),
];

const CLIMBS: &str = "imports go down the floors only: cli ▸ host ▸ config ▸ admin, ingest ▸ delivery ▸ guest, compose, listener ▸ broker, http ▸ schema ▸ files, message, printable, secret, trouble";
const UNKNOWN: &str = "this room has no floor: give it one in xtask/src/tidy/floors.rs";

/// The breaches of one file.
pub fn check(source: &Source) -> Vec<Breach> {
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let Some(floor) = floor(room) else {
        return vec![Breach::new(source, 1, UNKNOWN)];
    };
    uses(&source.code)
        .into_iter()
        .filter(|(_, used)| !may_use(room, floor, used))
        .map(|(line, _)| Breach::new(source, line, CLIMBS))
        .collect()
}

fn may_use(room: &str, floor: usize, used: &str) -> bool {
    let (owner, _) = used.split_once("::").unwrap_or((used, ""));
    let meets = |(one, place): &(&str, &str)| {
        let rest = used.strip_prefix(place);
        *one == room && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    owner == room
        || self::floor(owner).is_none_or(|below| below > floor)
        || MEETINGS.iter().any(meets)
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Every path behind a `crate::`, those in `crate::{…}` included, with its line.
fn uses(code: &str) -> Vec<(usize, &str)> {
    code.match_indices("crate::")
        .flat_map(|(at, mark)| {
            let from = at + mark.len();
            members(code, from)
        })
        .map(|(at, name)| (line_at(code, at), name))
        .collect()
}

/// The paths that stand directly after a `crate::`, with their places.
fn members(code: &str, from: usize) -> Vec<(usize, &str)> {
    if !code[from..].starts_with('{') {
        return vec![(from, path(&code[from..]))];
    }
    let (mut depth, mut paths) = (0, Vec::new());
    for (offset, c) in code[from..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(c, '{' | ',') {
            let rest = &code[from + offset + 1..];
            let at = from + offset + 1 + (rest.len() - rest.trim_start().len());
            paths.push((at, path(&code[at..])));
        }
    }
    paths
}

fn path(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    text[..end.unwrap_or(text.len())].trim_end_matches(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let path = format!("bridge-host/src/{path}");
        let breaches = check(&Source::new(path, text));
        breaches.iter().map(|breach| breach.line).collect()
    }

    #[test]
    fn imports_go_down() {
        assert!(lines("delivery/run.rs", "use crate::guest::Call;").is_empty());
        assert!(lines("delivery/run.rs", "use crate::delivery::policy;").is_empty());
        assert_eq!(
            lines("guest/pool.rs", "\nuse crate::delivery::Policy;"),
            [2]
        );
        assert_eq!(lines("message.rs", "fn a(b: crate::http::Secret) {}"), [1]);
    }

    #[test]
    fn neighbours_do_not_meet() {
        assert_eq!(lines("broker/open.rs", "use crate::http::Client;"), [1]);
        assert_eq!(lines("admin.rs", "use crate::ingest::Settings;"), [1]);
        assert!(lines("compose.rs", "use crate::guest::contract::{A, B};").is_empty());
        assert_eq!(lines("compose.rs", "use crate::guest::pool::Pool;"), [1]);
    }

    #[test]
    fn lists_are_read() {
        let text = "use crate::{\n    message::{Message, delivery},\n    config,\n};";
        assert_eq!(lines("guest.rs", text), [3]);
    }

    #[test]
    fn a_new_room_needs_a_floor() {
        assert_eq!(lines("attic.rs", ""), [1]);
        assert!(lines("lib.rs", "use crate::cli;").is_empty());
    }
}
