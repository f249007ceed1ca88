//! `cargo xtask tidy`: the rules of the house that a compiler does not know,
//! checked as text. Each rule is a room of its own below.

mod brokers;
mod circles;
mod floors;
mod modules;
mod names;
mod shape;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, diagrams};
use source::Source;

/// What holds nothing of ours: folders, and the file that stands for `.git` in a
/// worktree.
const SKIPPED: &[&str] = &[
    ".git",
    "target",
    "node_modules",
    "bridge-data",
    "__pycache__",
];

/// Endings of the files that are looked at, besides those without one.
const LOOKED_AT: &[&str] = &["rs", "toml", "md", "wit", "wac", "py", "sh", "js", "json"];

/// A rule that does not hold somewhere.
pub struct Breach {
    path: String,
    line: usize,
    rule: &'static str,
    found: String,
}

impl Breach {
    fn new(source: &Source, line: usize, rule: &'static str) -> Self {
        let found = source.text.lines().nth(line - 1).unwrap_or_default();
        Self {
            path: source.path.clone(),
            line,
            rule,
            found: found.trim().chars().take(100).collect(),
        }
    }
}

/// Checks every file of the repository at `root`.
pub fn run(root: &Path) -> Result {
    let mut sources = Vec::new();
    collect(root, root, &mut sources)?;
    let mut breaches: Vec<Breach> = sources.iter().flat_map(check).collect();
    breaches.extend(circles::check(&sources));
    breaches.extend(brokers::check(&sources));
    breaches.extend(stale_diagrams(root)?);
    breaches.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for breach in &breaches {
        let Breach {
            path,
            line,
            rule,
            found,
        } = breach;
        println!("{path}:{line}: {rule}\n    {found}");
    }
    match breaches.len() {
        0 => {
            println!("tidy: {} files keep every rule", sources.len());
            Ok(())
        }
        count => Err(format!("tidy: {count} breaches in {} files", sources.len())),
    }
}

/// Returns the pages of documentation.
#[cfg(test)]
pub fn pages(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    collect(root, root, &mut sources)?;
    sources.retain(|source| source.path.ends_with(".md"));
    Ok(sources)
}

fn stale_diagrams(root: &Path) -> Result<Vec<Breach>> {
    let breach = |path: PathBuf| Breach {
        path: path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string(),
        line: 1,
        rule: "an SVG is what its source renders to: run `cargo xtask diagrams`",
        found: String::new(),
    };
    Ok(diagrams::stale(root)?.into_iter().map(breach).collect())
}

fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = shape::check(source);
    breaches.extend(names::check(source));
    breaches.extend(floors::check(source));
    breaches
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result {
    let unreadable =
        |path: &Path, e: std::io::Error| format!("cannot read {}: {e}", path.display());
    for entry in fs::read_dir(folder).map_err(|e| unreadable(folder, e))? {
        let entry = entry.map_err(|e| unreadable(folder, e))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if SKIPPED.contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, sources)?;
        } else if path.is_file() && is_looked_at(&path) {
            // What is not UTF-8 is no source.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let path = path.strip_prefix(root).unwrap_or(&path);
            sources.push(Source::new(path.to_string_lossy().replace('\\', "/"), text));
        }
    }
    Ok(())
}

fn is_looked_at(path: &Path) -> bool {
    path.extension()
        .is_none_or(|ending| LOOKED_AT.iter().any(|known| ending == *known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_collected() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut sources = Vec::new();
        collect(&root, &root, &mut sources).unwrap();
        let paths: Vec<_> = sources.iter().map(|source| source.path.as_str()).collect();
        assert!(paths.contains(&"xtask/src/tidy.rs"));
        assert!(!paths.iter().any(|path| path.starts_with("target/")));
    }

    #[test]
    fn a_breach_shows_its_line() {
        let source = Source::new("bridge-host/src/cli.rs", "//! A.\n  use wac_graph::X;\n");
        let breaches = check(&source);
        assert_eq!(breaches.len(), 1);
        assert_eq!(breaches[0].line, 2);
        assert_eq!(breaches[0].found, "use wac_graph::X;");
    }
}
