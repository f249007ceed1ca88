//! The floors of the host: a room may use rooms on lower floors, and neither
//! rooms on higher floors nor its neighbours. A large room has floors for its
//! sub-rooms.

use super::Violation;
use super::modules::{self, Use};
use super::source::Source;

/// From the highest floor to the lowest.
const FLOORS: &[&[&str]] = &[
    &["cli"],
    &["host"],
    &["config"],
    &["admin", "ingest"],
    &["delivery"],
    &["guest", "compose", "listener"],
    &["broker", "http"],
    &["store"],
    &["schema"],
    &["files", "message", "printable", "secret", "trouble"],
];

/// Neighbours that may be used nevertheless: the room that uses, and what it
/// uses.
const ALLOWED_NEIGHBOURS: &[(&str, &str)] = &[
    // Both need to know the shape of a component.
    ("compose", "guest::contract"),
    // The listener of the intake also serves health and ledger.
    ("ingest", "admin"),
];

/// The sub-rooms of a room, from the highest floor to the lowest.
struct SubRooms {
    room: &'static str,
    floors: &'static [&'static [&'static str]],
    /// The rule, as printed.
    rule: &'static str,
}

const ROOMS_WITH_SUB_ROOMS: &[SubRooms] = &[SubRooms {
    room: "guest",
    floors: &[
        &["runtime"],
        &["component", "handler"],
        &["instance", "engine"],
        &["interfaces"],
        &["exchange"],
        &["call"],
        &["limits"],
        &["contract"],
    ],
    rule: "imports go down the floors of `guest` only: runtime ▸ component, handler ▸ instance, engine ▸ interfaces ▸ exchange ▸ call ▸ limits ▸ contract",
}];

const RULE: &str = "imports go down the floors only: cli ▸ host ▸ config ▸ admin, ingest ▸ delivery ▸ guest, compose, listener ▸ broker, http ▸ store ▸ schema ▸ files, message, printable, secret, trouble";
const NO_FLOOR: &str = "this room has no floor: give it one in xtask/src/tidy/floors.rs";
const FACADE: &str =
    "a file of a sub-room names the sub-room that it uses, not a name that the room passes on";

/// Returns the violations in one file.
pub fn check(source: &Source) -> Vec<Violation> {
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let Some(floor) = floor(FLOORS, room) else {
        return vec![Violation::new(source, 1, NO_FLOOR)];
    };
    // The rule holds for unit tests as well.
    let uses = modules::uses_in(&source.code, &modules::module(source));
    let mut violations: Vec<_> = uses
        .iter()
        .filter(|it| !may_use(room, floor, &it.path))
        .map(|it| Violation::new(source, it.line, RULE))
        .collect();
    if let Some(house) = ROOMS_WITH_SUB_ROOMS.iter().find(|house| house.room == room) {
        violations.extend(house.check(source));
    }
    violations
}

fn may_use(room: &str, floor: usize, used: &[String]) -> bool {
    let Some(owner) = used.first() else {
        return true;
    };
    let meets = |(one, place): &(&str, &str)| {
        let used = used.join("::");
        let rest = used.strip_prefix(place);
        *one == room && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    owner == room
        || self::floor(FLOORS, owner).is_none_or(|below| below > floor)
        || ALLOWED_NEIGHBOURS.iter().any(meets)
}

fn floor(floors: &[&[&str]], room: &str) -> Option<usize> {
    floors.iter().position(|rooms| rooms.contains(&room))
}

impl SubRooms {
    fn check(&self, source: &Source) -> Vec<Violation> {
        let module = modules::module(source);
        let Some(own) = module.get(1) else {
            return Vec::new();
        };
        let Some(floor) = floor(self.floors, own) else {
            return vec![Violation::new(source, 1, NO_FLOOR)];
        };
        let uses = modules::uses(source);
        let of_room = uses.iter().filter(|it| it.path.first() == module.first());
        of_room
            .filter_map(|it| Some((it.line, self.violated_rule(own, floor, it)?)))
            .map(|(line, rule)| Violation::new(source, line, rule))
            .collect()
    }

    fn violated_rule(&self, own: &str, floor: usize, used: &Use) -> Option<&'static str> {
        let other = used.path.get(1)?;
        match self::floor(self.floors, other) {
            _ if other == own => None,
            Some(below) if below > floor => None,
            Some(_) => Some(self.rule),
            None => Some(FACADE),
        }
    }
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
    fn imports_go_down() {
        assert!(lines("delivery/run.rs", "use crate::guest::Call;").is_empty());
        assert!(lines("delivery/run.rs", "use crate::delivery::policy;").is_empty());
        assert_eq!(
            lines("guest/runtime.rs", "\nuse crate::delivery::Policy;"),
            [2]
        );
        assert!(lines("broker/embedded.rs", "use crate::store::Store;").is_empty());
        assert_eq!(lines("store/error.rs", "use crate::broker::Broker;"), [1]);
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
    fn a_path_is_followed_up_to_another_room() {
        assert!(lines("delivery/run.rs", "use super::policy::Policy;").is_empty());
        let text = "\nuse super::super::super::delivery::A;";
        assert_eq!(lines("guest/call/calls.rs", text), [2]);
    }

    #[test]
    fn imports_go_down_the_floors_of_a_room_too() {
        let call = |text| lines("guest/call/outcome.rs", text);
        assert!(call("use crate::guest::limits::held::Excess;").is_empty());
        assert!(call("use super::reply::Wanted;").is_empty());
        assert_eq!(call("\nuse crate::guest::interfaces::state::State;"), [2]);
        assert_eq!(call("use super::super::interfaces::state::State;"), [1]);
        // Neighbours may not use each other.
        assert_eq!(lines("guest/component.rs", "use super::handler::A;"), [1]);
    }

    #[test]
    fn a_sub_room_uses_no_name_that_its_room_passes_on() {
        assert_eq!(lines("guest/component.rs", "use super::Outcome;"), [1]);
        assert!(lines("guest.rs", "mod call;\npub use call::outcome::Outcome;").is_empty());
    }

    #[test]
    fn unit_tests_may_climb_within_their_room() {
        let text = "#[cfg(test)]\nmod tests {\n    use crate::guest::Runtime;\n}";
        assert!(lines("guest/call/outcome.rs", text).is_empty());
    }

    #[test]
    fn a_new_room_needs_a_floor() {
        assert_eq!(lines("attic.rs", ""), [1]);
        assert_eq!(lines("guest/attic.rs", ""), [1]);
        assert!(lines("lib.rs", "use crate::cli;").is_empty());
    }
}
