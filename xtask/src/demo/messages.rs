//! The messages that the demo publishes, and what must arrive: the messages of
//! examples/demo, repeated under new ids, and larger ones made from them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::fs;
use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::Result;

/// The filter drops orders with a lower amount.
pub const MINIMUM: f64 = 100.0;

/// How often the whole file is published.
const ROUNDS: usize = 28;

/// How often the large messages are published: once in this many rounds.
const LARGE_EVERY: usize = 3;
const LARGE: [(&str, usize); 3] = [
    ("licence", 1_000_000),
    ("archive", 1_000_000),
    ("github-push", 400_000),
];

/// What is published, and what must arrive.
#[derive(Default)]
pub struct Plan {
    /// The number of messages.
    pub messages: u64,
    /// The bytes of their data.
    pub bytes: u64,
    /// How many messages the filter drops.
    pub filtered: u64,
    /// How many messages become one message for each of their items.
    pub split: u64,
    /// The ids that must arrive, with the length of the data if no component
    /// changes it.
    pub arrivals: BTreeMap<String, Option<u64>>,
}

/// A line of the file.
struct Template {
    topic: String,
    id: String,
    /// The content type and metadata, as in the line.
    rest: String,
    data: Data,
}

/// The data as in the line: a string, JSON or base64.
enum Data {
    Json(String),
    Text(String),
    Base64(String),
}

/// Returns what must arrive, and the messages, one in each line.
pub fn plan(source: &Path) -> Result<(Plan, String)> {
    let text =
        fs::read_to_string(source).map_err(|e| format!("cannot read {}: {e}", source.display()))?;
    let templates = text
        .lines()
        .enumerate()
        .map(|(at, line)| {
            template(line).ok_or_else(|| format!("{}:{}: no message", source.display(), at + 1))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(expand(&templates))
}

fn expand(templates: &[Template]) -> (Plan, String) {
    let (mut plan, mut lines) = (Plan::default(), String::new());
    for round in 0..ROUNDS {
        for template in templates {
            template.publish(&format!("{}-{round}", template.id), &mut plan, &mut lines);
            let size = LARGE.iter().find(|(id, _)| *id == template.id);
            if let Some((_, size)) = size.filter(|_| round % LARGE_EVERY == 1) {
                let large = template.larger(*size);
                large.publish(
                    &format!("{}-large-{round}", template.id),
                    &mut plan,
                    &mut lines,
                );
            }
        }
    }
    (plan, lines)
}

fn template(line: &str) -> Option<Template> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(line).ok()?;
    let text = |name: &str| serde_json::from_str::<String>(fields.get(name)?.get()).ok();
    let is_json = text("content-type").is_some_and(|kind| kind.contains("json"));
    let data = match (text("data_base64"), fields.get("data")) {
        (Some(base64), _) => Data::Base64(base64),
        (None, Some(data)) if is_json => Data::Json(data.get().into()),
        (None, _) => Data::Text(text("data")?),
    };
    let rest = ["content-type", "metadata"].iter().filter_map(|name| {
        let value = fields.get(*name)?;
        Some(format!(r#""{name}":{value},"#))
    });
    Some(Template {
        topic: text("topic")?,
        id: text("id")?,
        rest: rest.collect(),
        data,
    })
}

impl Template {
    fn publish(&self, id: &str, plan: &mut Plan, lines: &mut String) {
        let (name, data) = match &self.data {
            Data::Json(json) => ("data", json.clone()),
            Data::Text(text) => ("data", Value::from(text.as_str()).to_string()),
            Data::Base64(base64) => ("data_base64", format!("\"{base64}\"")),
        };
        let Self { topic, rest, .. } = self;
        writeln!(
            lines,
            r#"{{"topic":"{topic}","id":"{id}",{rest}"{name}":{data}}}"#
        )
        .expect("a string takes every line");
        plan.messages += 1;
        plan.bytes += self.data.length();
        match self.expected_result() {
            ExpectedResult::Filtered => plan.filtered += 1,
            ExpectedResult::Split(items) => {
                plan.split += 1;
                let children = (1..=items).map(|n| (format!("{id}.demo.{n}"), None));
                plan.arrivals.extend(children);
            }
            ExpectedResult::Changed => _ = plan.arrivals.insert(id.into(), None),
            ExpectedResult::AsItIs => _ = plan.arrivals.insert(id.into(), Some(self.data.length())),
        }
    }

    /// Returns what the chain does with the message.
    fn expected_result(&self) -> ExpectedResult {
        let Data::Json(json) = &self.data else {
            return ExpectedResult::AsItIs;
        };
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let items = value["items"].as_array().map(Vec::len);
        match (value["amount"].as_f64(), items) {
            (Some(amount), _) if amount < MINIMUM => ExpectedResult::Filtered,
            (_, Some(items)) if self.topic.ends_with(".batch") => ExpectedResult::Split(items),
            _ => ExpectedResult::Changed,
        }
    }

    /// Returns the message with its data repeated up to about this size.
    fn larger(&self, size: usize) -> Self {
        let data = match &self.data {
            Data::Json(json) => {
                let pages = vec![json.as_str(); size / json.len()];
                Data::Json(format!(r#"{{"pages":[{}]}}"#, pages.join(",")))
            }
            Data::Text(text) => Data::Text(text.repeat(size.div_ceil(text.len()))),
            // The last group may be padded, and padding must come last.
            Data::Base64(base64) => {
                let groups = &base64[..base64.len() - 4];
                Data::Base64(groups.repeat(size / 3 * 4 / groups.len()) + base64)
            }
        };
        Self {
            topic: self.topic.clone(),
            id: self.id.clone(),
            rest: self.rest.clone(),
            data,
        }
    }
}

enum ExpectedResult {
    Filtered,
    Split(usize),
    Changed,
    AsItIs,
}

impl Data {
    fn length(&self) -> u64 {
        let length = match self {
            Self::Json(text) | Self::Text(text) => text.len(),
            Self::Base64(text) => {
                let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
                text.len() / 4 * 3 - padding
            }
        };
        length as u64
    }
}

impl Plan {
    /// Returns whether this is the id of an item of a batch.
    pub fn is_item(&self, id: &str) -> bool {
        // The ids of the file have no dots.
        self.arrivals.contains_key(id) && id.contains('.')
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            messages,
            filtered,
            split,
            ..
        } = self;
        let (megabytes, arrivals) = (self.bytes / 1_000_000, self.arrivals.len());
        write!(
            f,
            "{messages} messages, {megabytes} MB: {filtered} to be filtered, {split} batches to be split, \
             {arrivals} to arrive"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 5] = [
        r#"{"topic":"orders.new","id":"a","content-type":"application/json","data":{"amount":99.5}}"#,
        r#"{"topic":"orders.new","id":"b","content-type":"application/json","data":{"amount":100}}"#,
        r#"{"topic":"orders.batch","id":"c","content-type":"application/json","data":{"items":[{},{}]}}"#,
        r#"{"topic":"notes","id":"d","content-type":"text/plain","metadata":{"k":"v"},"data":"é\n"}"#,
        r#"{"topic":"raw","id":"e","data_base64":"AAEC/w=="}"#,
    ];

    #[test]
    fn what_arrives_follows_from_what_is_published() {
        let (mut plan, mut lines) = (Plan::default(), String::new());
        for line in LINES {
            let template = template(line).unwrap();
            template.publish(&format!("{}-0", template.id), &mut plan, &mut lines);
        }
        assert_eq!((plan.messages, plan.filtered, plan.split), (5, 1, 1));
        let arrivals: Vec<_> = plan
            .arrivals
            .iter()
            .map(|(id, length)| (&**id, *length))
            .collect();
        let expected = [
            ("b-0", None),
            ("c-0.demo.1", None),
            ("c-0.demo.2", None),
            ("d-0", Some(3)),
            ("e-0", Some(4)),
        ];
        assert_eq!(arrivals, expected);
        assert_eq!(lines.replace("-0\"", "\""), LINES.join("\n") + "\n");
    }

    #[test]
    fn repeated_base64_stays_legal() {
        let large = template(LINES[4]).unwrap().larger(300);
        let Data::Base64(base64) = &large.data else {
            panic!("it was base64");
        };
        assert!(base64.trim_end_matches('=').chars().all(|c| c != '='));
        assert_eq!(large.data.length() % 3, 1);
        assert!((250..350).contains(&large.data.length()));
    }

    #[test]
    fn the_file_is_whole() {
        let text = include_str!("../../../examples/demo/messages.ndjson");
        let templates: Vec<_> = text.lines().map(|line| template(line).unwrap()).collect();
        for (id, _) in LARGE {
            assert!(templates.iter().any(|template| template.id == id), "{id}");
        }
        assert!(templates.iter().all(|template| !template.id.contains('.')));
        let (plan, _) = expand(&templates);
        assert!(
            plan.messages > 4000 && plan.filtered > 0 && plan.split > 0,
            "{plan}"
        );
    }
}
