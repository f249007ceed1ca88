//! Suggests a known word for an unknown one. The known words come from the caller.

/// How similar two words must be, from 0 to 1.
const ALIKE: f64 = 0.75;

/// Returns "did you mean …?" if one of the known words is similar.
pub(crate) fn did_you_mean(written: &str, known: &[&str]) -> Option<String> {
    let written = written.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|word| (strsim::jaro_winkler(&written, word), word))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| format!("did you mean `{word}`?"))
}

/// Returns words as a list: `` `a`, `b` ``.
pub(crate) fn list<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<_> = words
        .into_iter()
        .map(|word| format!("`{}`", word.as_ref()))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_word_is_meant() {
        let known = ["max_in_flight", "timeout", "retry"];
        let meant = |word| did_you_mean(word, &known);
        assert_eq!(
            meant("max-inflight").unwrap(),
            "did you mean `max_in_flight`?"
        );
        assert_eq!(meant("timout").unwrap(), "did you mean `timeout`?");
        assert_eq!(meant("zzz"), None);
    }
}
