//! Markdown pages of the repository as the tests read them: fenced blocks, prose
//! without code, inline code.

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the opening fence, such as `sh`.
    pub info: String,
    pub text: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the repository")
}

/// All pages that readers come to, with their text.
pub fn pages() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut paths: Vec<_> = fs::read_dir(&root).expect("the repository").collect();
    paths.retain(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()));
    let mut paths: Vec<_> = paths.into_iter().flatten().map(|it| it.path()).collect();
    for folder in ["docs", "examples", "bridge-host/templates"] {
        collect(&root.join(folder), &mut paths);
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    paths.sort();
    let text = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a page");
        (path, text)
    };
    paths.into_iter().map(text).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if !path.is_dir() {
            paths.push(path);
        } else if path.file_name().is_some_and(|name| name != "node_modules") {
            collect(&path, paths);
        }
    }
}

/// The fenced blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in page.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(info), None) => {
                open = Some(Block {
                    info: info.trim().into(),
                    text: String::new(),
                    line: at + 1,
                });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text += line;
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The lines outside of fenced blocks, with their numbers from 1.
pub fn prose(page: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let mut prose = Vec::new();
    for (at, line) in page.lines().enumerate() {
        match line.trim_start().starts_with("```") {
            true => is_code = !is_code,
            false if is_code => {}
            false => prose.push((at + 1, line)),
        }
    }
    prose
}

/// The inline code of a line, between backticks.
pub fn inline_code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// A line with its inline code removed.
pub fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

#[test]
fn blocks_and_prose_are_told_apart() {
    let page = "a `b`\n```sh x\nc\n```\nd\n";
    let block = Block {
        info: "sh x".into(),
        text: "c\n".into(),
        line: 2,
    };
    assert_eq!(blocks(page), [block]);
    assert_eq!(prose(page), [(1, "a `b`"), (5, "d")]);
    assert_eq!(inline_code("a `b` c `d`").collect::<Vec<_>>(), ["b", "d"]);
    assert_eq!(without_code("a `b` c"), "a  c");
}
