//! Suggestions for mistyped names.

/// Returns the known name that differs in at most a third of its letters.
pub fn nearest(found: &str, names: &[&'static str]) -> Option<&'static str> {
    names
        .iter()
        .map(|name| (distance(found, name), *name))
        .filter(|(steps, name)| steps * 3 <= name.len())
        .min()
        .map(|(_, name)| name)
}

/// Returns how many bytes to insert, remove or replace to turn one string into
/// the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meant_one() {
        let names = ["to.url", "to.timeout", "to.method"];
        assert_eq!(nearest("to.urls", &names), Some("to.url"));
        assert_eq!(nearest("to.time_out", &names), Some("to.timeout"));
        assert_eq!(nearest("to.something", &names), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
