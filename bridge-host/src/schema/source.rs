//! The text of a config file, and its lines with secrets masked. Finding secrets stays
//! out: `mask` does it.

use std::ops::Range;
use std::sync::Arc;

use super::fault::SourceLocation;
use crate::printable::printable;

/// The most characters of a line that are shown, around the location.
const LONGEST_SHOWN: usize = 140;

/// The text of a file, and the spans that are never shown.
pub struct Source<'t> {
    file: Arc<str>,
    text: &'t str,
    masks: Vec<Range<usize>>,
    /// The beginning of each line, in bytes.
    lines: Vec<usize>,
}

impl<'t> Source<'t> {
    /// Creates a source of this file name and text. Spans in `masks` are shown as
    /// asterisks.
    pub fn new(file: &str, text: &'t str, masks: Vec<Range<usize>>) -> Self {
        let masks = disjoint(masks);
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file: file.into(),
            text,
            masks,
            lines: std::iter::once(0).chain(ends).collect(),
        }
    }

    /// Returns the whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Returns the location of these bytes.
    pub fn location(&self, span: Range<usize>) -> SourceLocation {
        let at = self.boundary(span.start);
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines[line - 1];
        let end = self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |newline| at + newline);
        let until = self.boundary(span.end).clamp(at, end);
        let (shown, indent, width) = window(
            self.show(start..at),
            self.show(at..until),
            self.show(until..end),
        );
        SourceLocation {
            line,
            column: self.text[start..at].chars().count() + 1,
            file: self.file.clone(),
            shown: shown.into(),
            indent,
            width,
        }
    }

    /// Returns a part of the text, safe to print, with masked spans as asterisks.
    fn show(&self, span: Range<usize>) -> String {
        let mut shown = String::new();
        let mut at = span.start;
        for mask in self.masks_in(&span) {
            let from = self.boundary(mask.start).clamp(at, span.end);
            let to = self.boundary(mask.end).clamp(at, span.end);
            if from < to {
                shown.push_str(&self.text[at..from]);
                shown.push_str("***");
                at = to;
            }
        }
        shown.push_str(&self.text[at..span.end]);
        plain(&shown)
    }

    /// Returns the masks that may overlap a part of a line.
    fn masks_in(&self, span: &Range<usize>) -> &[Range<usize>] {
        let first = self.masks.partition_point(|mask| mask.end <= span.start);
        let end = self.masks.partition_point(|mask| mask.start < span.end);
        &self.masks[first..end.max(first)]
    }

    /// Returns the nearest beginning of a character at or before `at`.
    fn boundary(&self, at: usize) -> usize {
        self.text.floor_char_boundary(at)
    }
}

/// Returns the same spans in order, with overlapping ones merged.
fn disjoint(mut masks: Vec<Range<usize>>) -> Vec<Range<usize>> {
    masks.sort_by_key(|mask| mask.start);
    let mut all: Vec<Range<usize>> = Vec::with_capacity(masks.len());
    for mask in masks {
        match all.last_mut() {
            Some(last) if mask.start < last.end => last.end = last.end.max(mask.end),
            _ => all.push(mask),
        }
    }
    all
}

/// Returns the text, safe to print.
fn plain(text: &str) -> String {
    let text = text.trim_end_matches('\r').replace('\t', " ");
    printable(&text).into_owned()
}

/// Joins the parts of a line before, at and after the location. Returns the line, shortened
/// if it is long, and the indent and the width of the location.
fn window(before: String, at: String, after: String) -> (String, usize, usize) {
    let (indent, width) = (before.chars().count(), at.chars().count());
    let line = format!("{before}{at}{after}");
    let line = line.trim_end();
    let length = line.chars().count();
    if length <= LONGEST_SHOWN {
        return (line.into(), indent, width.max(1));
    }
    let start = indent.saturating_sub(LONGEST_SHOWN / 4);
    let mut shown: String = line.chars().skip(start).take(LONGEST_SHOWN).collect();
    let mut indent = indent - start;
    if start > 0 {
        shown.insert(0, '…');
        indent += 1;
    }
    if length > start + LONGEST_SHOWN {
        shown.push('…');
    }
    let width = width.clamp(1, LONGEST_SHOWN - LONGEST_SHOWN / 4);
    (shown, indent, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_lines_and_columns() {
        let text = "a = 1\nü = 2\n";
        let source = Source::new("f", text, Vec::new());
        let at = text.find('2').unwrap();
        let location = source.location(at..at + 1);
        assert_eq!(
            (location.line, location.column, &*location.shown),
            (2, 5, "ü = 2")
        );
        let end = source.location(text.len()..text.len());
        assert_eq!((end.line, end.column, end.width), (3, 1, 1));
    }

    #[test]
    fn masked_parts_are_asterisks_and_the_caret_stays_right() {
        let source = Source::new(
            "f",
            "a = \"secret\", b = 1",
            std::iter::once(5..11).collect(),
        );
        let location = source.location(14..15);
        assert_eq!(&*location.shown, "a = \"***\", b = 1");
        assert_eq!((location.column, location.indent), (15, 11));
    }

    #[test]
    fn nested_masks_are_merged() {
        let masks = vec![12..14, 0..30, 13..16];
        let location = Source::new("f", "0123456789\nabcdefghij\nklmnopqrstuvw", masks);
        assert_eq!(&*location.location(21..21).shown, "***");
        assert_eq!(&*location.location(30..31).shown, "***stuvw");
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let location = Source::new("f", &text, Vec::new()).location(500..501);
        assert_eq!(location.shown.chars().nth(location.indent), Some('X'));
        assert!(location.shown.chars().count() <= LONGEST_SHOWN + 2);
    }
}
