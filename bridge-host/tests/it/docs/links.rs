//! Every relative link of the documentation leads to a file, and its anchor to a
//! heading of that file. Links to other sites are not followed.

use std::fs;
use std::path::Path;

use super::markdown::{pages, prose, root, without_code};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    let mut links = 0;
    for (path, text) in pages() {
        links += targets(&text).len();
        let page = path.strip_prefix(root()).expect("a page of ours").display();
        let found = broken_links(&path, &text);
        broken.extend(found.into_iter().map(|it| format!("{page}:{it}")));
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    assert!(links > 50, "only {links} links were found");
}

#[test]
fn a_missing_file_or_heading_is_found() {
    let page = root().join("docs/page.md");
    let text = "# The `one` & only\n[a](../README.md) [b](missing.md)\n[c](#the-one--only) [d](#other)\n\
                [e](../README.md#no-heading) [f](https://example.com/x) `[g](code.md)`\n";
    let broken = broken_links(&page, text);
    assert_eq!(
        broken,
        [
            "2: missing.md does not exist",
            "3: #other is no heading of that page",
            "4: ../README.md#no-heading is no heading of that page",
        ]
    );
}

fn broken_links(page: &Path, text: &str) -> Vec<String> {
    let folder = page.parent().expect("a folder");
    let mut broken = Vec::new();
    for (line, target) in targets(text) {
        let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let path = folder.join(file);
        if !file.is_empty() && !path.exists() {
            broken.push(format!("{line}: {target} does not exist"));
            continue;
        }
        let linked = match file {
            "" => text.to_owned(),
            _ if anchor.is_empty() => continue,
            _ => fs::read_to_string(&path).unwrap_or_default(),
        };
        if !anchors(&linked).iter().any(|known| known == anchor) {
            broken.push(format!("{line}: {target} is no heading of that page"));
        }
    }
    broken
}

/// The relative targets of links and images, with their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (line, prose) in prose(text) {
        for rest in without_code(prose).split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            let is_relative = !target.contains("://") && !target.starts_with("mailto:");
            if is_relative {
                targets.push((line, target.to_owned()));
            }
        }
    }
    targets
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut slugs: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        slugs.push(slug(heading.trim()));
    }
    // A heading that a page has twice gets a number the second time.
    let numbered =
        |(at, slug): (usize, &String)| match slugs[..at].iter().filter(|it| *it == slug).count() {
            0 => slug.clone(),
            before => format!("{slug}-{before}"),
        };
    slugs.iter().enumerate().map(numbered).collect()
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' | '-' => Some('-'),
        '_' => Some('_'),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}
