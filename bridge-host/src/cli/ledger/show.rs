//! Formats ledgers as a table and as JSON. Reading them stays out.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cli::output;
use crate::printable::printable;
use crate::store::Ledger;

const HEAD: [&str; 9] = [
    "subscription",
    "accepted",
    "delivered",
    "filtered",
    "dead-lettered",
    "dropped",
    "pending",
    "blocked",
    "balances",
];

/// Returns all ledgers of a store. `remote` are subscriptions whose messages are at
/// another broker, with their connections: the store has only their dead letters.
pub(super) fn all(ledgers: &[Ledger], remote: &[(String, String)], json: bool) -> String {
    if json {
        let all: Value = ledgers.iter().map(value).collect();
        return output::json_text(&json!({ "subscriptions": all }), true);
    }
    let mut text = match ledgers.is_empty() {
        true => "no subscriptions\n".into(),
        false => table(ledgers),
    };
    for (name, from) in remote {
        // Writing to a string cannot fail.
        _ = writeln!(
            text,
            "note: the messages of {name} are at {from}, which keeps no ledger: a running bridge counts them \
             (GET /ledger). This table has only its dead letters"
        );
    }
    text
}

/// Returns the ledger of a subscription that is removed.
pub(super) fn last(ledger: &Ledger, json: bool) -> String {
    match json {
        true => output::json_text(&value(ledger), true),
        false => format!(
            "{} is removed, with {} pending deliveries and {} dead letters\n",
            printable(&ledger.subscription),
            ledger.pending,
            ledger.dead_letters()
        ),
    }
}

fn table(ledgers: &[Ledger]) -> String {
    let rows: Vec<_> = ledgers.iter().map(row).collect();
    let head = HEAD.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).map(|row| row[column].len());
        cells.max().unwrap_or_default()
    };
    let line = |row: &[String; 9]| {
        let (name, figures) = (&row[0], &row[1..]);
        let figures = figures.iter().enumerate();
        let figures: String = figures
            .map(|(n, cell)| format!("  {cell:>0$}", width(n + 1)))
            .collect();
        format!("{name:0$}{figures}\n", width(0))
    };
    [&head].into_iter().chain(&rows).map(line).collect()
}

fn row(ledger: &Ledger) -> [String; 9] {
    [
        printable(&ledger.subscription).into_owned(),
        ledger.accepted.to_string(),
        ledger.delivered.to_string(),
        ledger.filtered.to_string(),
        ledger.dead_lettered.to_string(),
        ledger.dropped.to_string(),
        ledger.pending.to_string(),
        ledger.blocked.to_string(),
        if ledger.is_balanced() { "yes" } else { "NO" }.into(),
    ]
}

fn value(ledger: &Ledger) -> Value {
    let mut value = json!(ledger);
    value["balanced"] = ledger.is_balanced().into();
    value
}
