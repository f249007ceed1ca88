//! `cargo xtask tidy`: checks the rules of this repository that the compiler does
//! not know, on the text of its files. Each module has one kind of rule.

mod brokers;
mod commits;
mod cycles;
mod floors;
mod modules;
mod ownership;
mod prose;
mod shape;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, diagrams};
use source::Source;

/// Files and folders that are not checked. In a worktree, `.git` is a file.
const SKIPPED: &[&str] = &[
    ".git",
    "target",
    "node_modules",
    "bridge-data",
    "__pycache__",
];

/// The extensions of the files that are checked. Files without an extension are
/// checked as well.
const CHECKED_EXTENSIONS: &[&str] = &["rs", "toml", "md", "wit", "wac", "py", "sh", "js", "json"];

/// A violation of a rule.
pub struct Violation {
    path: String,
    line: usize,
    rule: &'static str,
    found: String,
}

impl Violation {
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
    let mut violations: Vec<Violation> = sources.iter().flat_map(check).collect();
    violations.extend(cycles::check(&sources));
    violations.extend(brokers::check(&sources));
    violations.extend(commits::check(root));
    violations.extend(stale_diagrams(root)?);
    violations.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for violation in &violations {
        let Violation {
            path,
            line,
            rule,
            found,
        } = violation;
        println!("{path}:{line}: {rule}\n    {found}");
    }
    match violations.len() {
        0 => {
            println!("tidy: {} files keep every rule", sources.len());
            Ok(())
        }
        count => Err(format!(
            "tidy: {count} violations in {} files",
            sources.len()
        )),
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

fn stale_diagrams(root: &Path) -> Result<Vec<Violation>> {
    let violation = |path: PathBuf| Violation {
        path: path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string(),
        line: 1,
        rule: "an SVG is what its source renders to: run `cargo xtask diagrams`",
        found: String::new(),
    };
    Ok(diagrams::stale(root)?.into_iter().map(violation).collect())
}

fn check(source: &Source) -> Vec<Violation> {
    let mut violations = shape::check(source);
    violations.extend(ownership::check(source));
    violations.extend(floors::check(source));
    violations.extend(prose::check(source));
    violations
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
        } else if path.is_file() && is_checked(&path) {
            // A file that is not UTF-8 is not source code.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let path = path.strip_prefix(root).unwrap_or(&path);
            sources.push(Source::new(path.to_string_lossy().replace('\\', "/"), text));
        }
    }
    Ok(())
}

fn is_checked(path: &Path) -> bool {
    path.extension()
        .is_none_or(|ending| CHECKED_EXTENSIONS.iter().any(|known| ending == *known))
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
    fn a_violation_shows_its_line() {
        let source = Source::new("bridge-host/src/cli.rs", "//! A.\n  use wac_graph::X;\n");
        let violations = check(&source);
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].line, 2);
        assert_eq!(violations[0].found, "use wac_graph::X;");
    }
}
