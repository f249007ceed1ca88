//! No dependency cycle between modules: of two files of the host, only one may
//! use the other. A name that a module only re-exports (`pub use`) belongs to the
//! file that defines it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Violation;
use super::modules::{self, Use};
use super::source::Source;

const RULE: &str = "no dependency cycle between modules: move what both need to a file below them, or pass it as a value";

/// Returns the violations in all files together.
pub fn check(sources: &[Source]) -> Vec<Violation> {
    let files = Files::of(sources);
    let imports = ImportGraph(
        files
            .0
            .keys()
            .map(|it| (&**it, files.used_by(it)))
            .collect(),
    );
    let mut known = BTreeSet::new();
    let mut violations = Vec::new();
    for (name, file) in &files.0 {
        if known.contains(name) {
            continue;
        }
        let Some(cycle) = imports.shortest_cycle(name) else {
            continue;
        };
        known.extend(cycle.iter().cloned());
        violations.push(Violation {
            path: file.source.path.clone(),
            line: imports.line(name, &cycle[1]),
            rule: RULE,
            found: cycle.join(" ▸ "),
        });
    }
    violations
}

/// The files of the host, by module.
struct Files<'a>(BTreeMap<String, File<'a>>);

struct File<'a> {
    source: &'a Source,
    uses: Vec<Use>,
}

/// The files that each file uses, with the line of the use.
struct ImportGraph<'a>(BTreeMap<&'a str, Vec<(String, usize)>>);

impl ImportGraph<'_> {
    /// Returns the shortest path from a file back to itself.
    fn shortest_cycle(&self, start: &str) -> Option<Vec<String>> {
        let mut queue = VecDeque::from([vec![start.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(path) = queue.pop_front() {
            for (next, _) in self.imports_of(path.last()?) {
                let mut path = path.clone();
                path.push(next.clone());
                if next == start {
                    return Some(path);
                }
                if seen.insert(next) {
                    queue.push_back(path);
                }
            }
        }
        None
    }

    fn line(&self, name: &str, used: &str) -> usize {
        let mut used_there = self
            .imports_of(name)
            .iter()
            .filter(|(other, _)| other == used);
        used_there.next().map_or(1, |(_, line)| *line)
    }

    fn imports_of(&self, name: &str) -> &[(String, usize)] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

impl<'a> Files<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let host = || sources.iter().filter(|it| it.in_host().is_some());
        let of_tests: Vec<String> = host().flat_map(tests).collect();
        let is_of_tests = |name: &str| {
            let mut rests = of_tests.iter().filter_map(|it| name.strip_prefix(&**it));
            rests.any(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let files = host().map(|source| {
            let uses = modules::uses(source);
            (modules::module(source).join("::"), File { source, uses })
        });
        let product = files.filter(|(name, _)| !name.is_empty() && !is_of_tests(name));
        Self(product.collect())
    }

    /// Returns the files that this one uses, with the line of each use.
    fn used_by(&self, name: &str) -> Vec<(String, usize)> {
        let Some(file) = self.0.get(name) else {
            return Vec::new();
        };
        let used = file.uses.iter().filter(|it| !it.is_reexport);
        used.filter_map(|it| Some((self.owner(&it.path, 0)?, it.line)))
            .filter(|(used, _)| used != name)
            .collect()
    }

    /// Returns the file that a path leads to, after following re-exports.
    fn owner(&self, path: &[String], passed: usize) -> Option<String> {
        /// More re-exports in a row are a cycle.
        const MOST: usize = 10;
        let length = (1..=path.len())
            .rev()
            .find(|length| self.0.contains_key(&path[..*length].join("::")))?;
        let (module, rest) = path.split_at(length);
        let module = module.join("::");
        let Some((name, rest)) = rest.split_first() else {
            return Some(module);
        };
        let mut passed_on = self.0[&module].uses.iter().filter(|it| it.is_reexport);
        match passed_on.find(|it| it.path.last() == Some(name)) {
            Some(onward) if passed < MOST => {
                let path: Vec<_> = onward.path.iter().chain(rest).cloned().collect();
                self.owner(&path, passed + 1)
            }
            _ => Some(module),
        }
    }
}

/// Returns the modules that a file declares for its unit tests, from the root.
fn tests(source: &Source) -> Vec<String> {
    let module = modules::module(source);
    let children = modules::test_children(&source.code).into_iter();
    children
        .map(|child| {
            let path = module.iter().map(String::as_str).chain([child]);
            path.collect::<Vec<_>>().join("::")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<(usize, String)> {
        let sources = files
            .iter()
            .map(|(path, text)| Source::new(format!("bridge-host/src/{path}"), *text));
        let violations = check(&sources.collect::<Vec<_>>());
        let found = violations.into_iter();
        found
            .map(|violation| (violation.line, violation.found))
            .collect()
    }

    #[test]
    fn two_files_that_use_each_other_are_a_cycle() {
        let cycle = found(&[
            ("delivery/a.rs", "use std::mem;\nuse super::b::B;"),
            ("delivery/b.rs", "fn c(a: crate::delivery::a::A) {}"),
        ]);
        let text = "delivery::a ▸ delivery::b ▸ delivery::a";
        assert_eq!(cycle, [(2, text.into())]);
    }

    #[test]
    fn a_name_that_is_passed_on_leads_to_its_file() {
        let files = |a| {
            [
                (
                    "delivery.rs",
                    "mod a;\nmod b;\npub use a::A;\npub use b::B;",
                ),
                ("delivery/a.rs", a),
                ("delivery/b.rs", "use super::A;"),
            ]
        };
        assert!(found(&files("struct A;")).is_empty());
        let cycle = found(&files("use super::B;"));
        assert_eq!(cycle[0].1, "delivery::a ▸ delivery::b ▸ delivery::a");
    }

    #[test]
    fn a_child_that_uses_its_parent_is_a_cycle_where_the_parent_uses_it() {
        let parent = |uses| format!("mod child;\npub struct A;\n{uses}");
        let child = ("ingest/child.rs", "use super::A;");
        let (passes, calls) = (parent("pub use child::B;"), parent("fn c() { child::d() }"));
        assert!(found(&[("ingest.rs", &passes), child]).is_empty());
        assert_eq!(found(&[("ingest.rs", &calls), child]).len(), 1);
    }

    #[test]
    fn unit_tests_may_use_what_they_like() {
        let parent = "mod child;\nfn a() { child::b() }\n#[cfg(test)]\nmod tests {\n}";
        let child = "fn b() {}\n#[cfg(test)]\nmod tests {\n    use crate::ingest::A;\n}";
        assert!(found(&[("ingest.rs", parent), ("ingest/child.rs", child)]).is_empty());
        let model = ("delivery/model.rs", "use super::script::A;");
        let script = ("delivery/script.rs", "use super::model::A;");
        let declared = "#[cfg(test)]\nmod model;\n#[cfg(test)]\nmod script;";
        assert!(found(&[("delivery.rs", declared), model, script]).is_empty());
    }
}
