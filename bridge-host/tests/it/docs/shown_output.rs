//! Compares output that a page shows with output that a command printed. Ids,
//! times and durations may differ; a line `…` stands for any lines.

/// Whether a command printed what the page shows.
pub fn matches(shown: &[String], printed: &[String]) -> bool {
    let Some((first, rest)) = shown.split_first() else {
        return printed.is_empty();
    };
    if first.trim() == "…" {
        return (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]));
    }
    let Some((printed, others)) = printed.split_first() else {
        return false;
    };
    stable(first) == stable(printed) && matches(rest, others)
}

/// A line with everything replaced that is different in each run.
fn stable(line: &str) -> String {
    // How long cargo took comes last, in one word or in two.
    let line = line.split("target(s) in").next().unwrap_or(line);
    let words: Vec<_> = line.split_whitespace().collect();
    let next = |at: usize| words.get(at + 1).copied().unwrap_or_default();
    let stable = words.iter().enumerate();
    let stable = stable.map(|(at, word)| stable_word(word, next(at)));
    stable.collect::<Vec<_>>().join(" ")
}

/// A word, which may be a field of a log line.
fn stable_word(word: &str, next: &str) -> String {
    match word.split_once('=') {
        Some(("attempt", _)) => "attempt=N".into(),
        Some((key, value)) => format!("{key}={}", stable_value(value, next)),
        None => stable_value(word, next).into(),
    }
}

fn stable_value<'a>(word: &'a str, next: &str) -> &'a str {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let unit = bare.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &bare[..bare.len() - unit.len()];
    let is_digit = |c: char| c.is_ascii_digit();
    // The name of a subscription without a config ends with a hash of its URL.
    let hash = bare.rsplit('-').next().unwrap_or_default();
    if bare.starts_with("msg_") || bare.starts_with("forward-") && hash.len() == 8 {
        "ID"
    } else if bare.matches(':').count() == 2 && bare.starts_with(is_digit) {
        "TIME"
    } else if is_number(number) && matches!(unit, "ms" | "s" | "µs") {
        "DURATION"
    } else if is_number(bare) && matches!(next, "ms" | "s" | "µs") {
        "N"
    } else if word.ends_with("/bridge-host") {
        "CACHE"
    } else {
        word
    }
}

#[test]
fn what_varies_may_differ_and_nothing_else() {
    let lines = |text: &str| text.lines().map(String::from).collect::<Vec<_>>();
    let same = |shown, printed| matches(&lines(shown), &lines(printed));
    assert!(same(
        "21:40:11.532Z 204 msg_a1 x",
        "09:00:00.001Z 204  msg_b2 x"
    ));
    assert!(same(
        "2026-11-29T21:40:11.532Z INFO took=1.5s id=\"msg_1\" attempt=1",
        "2026-12-01T00:00:00.000Z INFO took=12.3µs id=\"msg_2\" attempt=2"
    ));
    assert!(same(
        "ready after 12 ms (0.41s)",
        "ready after 9 ms (1.02s)"
    ));
    assert!(same("a\n…\nz", "a\nb\nc\nz") && same("…\nz", "z"));
    assert!(same(
        "Finished target(s) in 1.2s",
        "Finished target(s) in 1m 2s"
    ));
    assert!(!same("delivered 2", "delivered 3"));
    assert!(!same("verdict=retry", "verdict=delivered"));
    assert!(!same("a", "a\nb") && !same("a\nb", "a"));
    assert!(!same("a\n…\nz", "a\nb"));
    assert!(!same(
        "21:40:11.532Z 204 msg_a1",
        "21:40:11.532Z 503 msg_a1"
    ));
}
