//! Tests of both envelopes, encoded and decoded again, with arbitrary messages.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let url = [("to.url", "http://h")];
    Settings::from_pairs(url.iter().chain(pairs).copied()).unwrap()
}

fn back(settings: &Settings, request: &Request) -> Message {
    let headers = request.headers.iter();
    let seen = headers
        .filter(|(name, _)| !is_static(settings, name))
        .map(|(name, value)| (&**name, &**value));
    decode(settings.envelope, seen, &request.body).unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| std::str::from_utf8(value).unwrap())
}

/// Checks that no HTTP stack rejects or changes the request.
fn check_legal(request: &Request) {
    let mut names: Vec<&str> = Vec::new();
    for (name, value) in &request.headers {
        let tokens = b"!#$%&'*+-.^_`|~";
        let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || tokens.contains(&b);
        assert!(!name.is_empty() && name.bytes().all(token), "{name}");
        let text = std::str::from_utf8(value).unwrap();
        assert!(crate::header::is_legal_value(text), "{name}: {text:?}");
        names.push(name);
    }
    names.sort_unstable();
    assert!(names.windows(2).all(|two| two[0] != two[1]), "{names:?}");
}

/// Keys that differ only in case, reserved keys, and unusual ones.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[iI][dD]",
        "(?i)ce-(specversion|id)|ce-[a-z]{1,3}",
        "(?i)host|webhook-id|message-(topic|keys|metadata)|x-fixed|proxy-a|te|content-(type|length)",
        "(%|\\*|[hH]|%68|ost)*",
        "[\\x00-\\x7f]{0,4}",
        "[a-zA-Z-]{1,12}",
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~\\t\\x00\\r\\n]{0,20}",
        "(UTF-8''|%4|%41|ü)*"
    ]
}

fn message(data: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Message> {
    let content_type = proptest::option::of(prop_oneof![
        value(),
        Just("application/json".to_owned()),
        Just("Application/Problem+JSON; charset=utf-8".to_owned()),
        Just("text/plain".to_owned()),
        Just("image/png".to_owned()),
    ]);
    let metadata = btree_map(key(), value(), 0..12).prop_map(|map| {
        let mut pairs: Vec<_> = map.into_iter().collect();
        let middle = pairs.len() / 2;
        pairs.rotate_left(middle);
        pairs
    });
    (value(), content_type, metadata, data).prop_map(|(topic, content_type, metadata, data)| {
        Message {
            topic,
            content_type,
            metadata,
            data,
        }
    })
}

fn json() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,3})?(e[+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let value = leaf.prop_recursive(4, 16, 4, |inner| {
        vec(inner, 0..4).prop_map(|items| format!("[ {}]", items.join(" ,\n")))
    });
    ("[ \\t\\r\\n]{0,3}", value, "[ \\t\\r\\n]{0,3}")
        .prop_map(|(left, value, right)| [left, value, right].concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_is_reversible(message in message(vec(any::<u8>(), 0..40))) {
        let settings = settings(&[("to.headers.X-Fixed", "1")]);
        let request = encode(&settings, message.clone());
        check_legal(&request);
        let mut expected = message;
        expected.content_type.get_or_insert_with(|| "application/octet-stream".into());
        prop_assert_eq!(back(&settings, &request), expected);
    }

    #[test]
    fn portable_names_are_reversible(message in message(vec(any::<u8>(), 0..40))) {
        let settings = settings(&[("to.header_names", "portable")]);
        let request = encode(&settings, message.clone());
        check_legal(&request);
        let is_portable = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let id = |name: &str| name == "webhook-id*" || name == "content-type*";
        prop_assert!(request.headers.iter().all(|(name, _)| is_portable(name) || id(name)));
        let sorted = |mut message: Message| {
            message.metadata.sort();
            message
        };
        let mut expected = message;
        expected.content_type.get_or_insert_with(|| "application/octet-stream".into());
        prop_assert_eq!(sorted(back(&settings, &request)), sorted(expected));
    }

    #[test]
    fn json_is_reversible(
        message in message(prop_oneof![
            json(),
            vec(any::<u8>(), 0..40),
            any::<String>().prop_map(String::into_bytes),
        ])
    ) {
        let settings = settings(&[("to.envelope", "json"), ("to.headers.traceparent", "1")]);
        let request = encode(&settings, message.clone());
        check_legal(&request);
        serde_json::from_slice::<serde_json::Value>(&request.body)
            .or_else(|fault| if fault.to_string().contains("out of range") { Ok(().into()) } else { Err(fault) })
            .unwrap();
        let mut expected = message;
        let id = expected.metadata.iter().position(|(key, _)| key == "webhook-id");
        if let Some(id) = id.map(|at| expected.metadata.remove(at)) {
            expected.metadata.push(id);
        }
        prop_assert_eq!(back(&settings, &request), expected);
    }

    #[test]
    fn headers_of_other_senders_become_metadata(
        headers in vec((any::<String>(), vec(any::<u8>(), 0..20)), 0..6),
        body in vec(any::<u8>(), 0..40),
    ) {
        for envelope in [Envelope::Raw, Envelope::Json] {
            let headers = headers.iter().map(|(name, value)| (&**name, &**value));
            _ = decode(envelope, headers, &body);
        }
    }
}

#[test]
fn a_thousand_entries() {
    let metadata = (0..1_000).map(|n| (format!("Key-{}\n", n % 999), format!("ü{n}")));
    let message = Message {
        topic: "t".into(),
        content_type: Some(String::new()),
        metadata: metadata.collect(),
        data: vec![0; 3],
    };
    let settings = settings(&[]);
    let request = encode(&settings, message.clone());
    check_legal(&request);
    assert_eq!(back(&settings, &request), message);
}

fn example() -> Message {
    let pairs = [
        ("webhook-id", "msg_1"),
        ("traceparent", "00-aa-bb-01"),
        ("X-Tenant", "Köln"),
        ("host", "a b"),
        ("a*", " "),
    ];
    Message {
        topic: "orders.new".into(),
        content_type: Some("application/json".into()),
        metadata: pairs.map(|(k, v)| (k.into(), v.into())).into(),
        data: b"{\"n\": 1.0}\n".to_vec(),
    }
}

#[test]
fn raw_on_the_wire() {
    let request = encode(&settings(&[("to.headers.Authorization", "B x")]), example());
    let headers: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
        .collect();
    assert_eq!(
        headers,
        [
            "message-topic: orders.new",
            "webhook-id: msg_1",
            "traceparent: 00-aa-bb-01",
            "x-tenant*: UTF-8''K%C3%B6ln",
            "%68ost: a b",
            "a%2a*: UTF-8''%20",
            "message-keys: X-Tenant",
            "content-type: application/json",
            "content-length: 11",
            "authorization: B x",
        ]
    );
    assert_eq!(request.body, example().data);
}

#[test]
fn an_event_is_sent_as_an_event() {
    let mut event = example();
    let pairs = [
        ("ce-specversion", "1.0"),
        ("ce-subject", "Köln 5 %"),
        ("town", "Köln"),
    ];
    event.metadata = pairs.map(|(k, v)| (k.into(), v.into())).into();
    for names in ["any", "portable"] {
        let settings = settings(&[("to.header_names", names)]);
        let request = encode(&settings, event.clone());
        assert_eq!(header(&request, "ce-specversion"), Some("1.0"));
        assert_eq!(header(&request, "ce-subject"), Some("K%C3%B6ln%205%20%25"));
        assert_eq!(back(&settings, &request), event);
    }
    // Without a version it is not an event, and the value is treated like any
    // other.
    event.metadata.remove(0);
    let request = encode(&settings(&[]), event);
    assert_eq!(
        header(&request, "ce-subject*"),
        Some("UTF-8''K%C3%B6ln%205%20%25")
    );
}

#[test]
fn names_that_proxies_forward() {
    let mut message = example();
    let pairs = [
        ("order_id", "7"),
        ("a.b", "x"),
        ("X-Tenant", "blue"),
        ("town", "Köln"),
    ];
    message.metadata = pairs.map(|(k, v)| (k.into(), v.into())).into();
    let request = encode(&settings(&[("to.header_names", "portable")]), message);
    assert_eq!(header(&request, "x-tenant"), Some("blue"));
    let more = "order%5Fid=7&a.b=x&town=K%C3%B6ln";
    assert_eq!(header(&request, "message-metadata"), Some(more));
}

#[test]
fn trace_context_in_any_case() {
    let mut message = example();
    let pairs = [
        ("Traceparent", "00-a"),
        ("TRACESTATE", "v=1"),
        ("traceparent", "00-b"),
    ];
    message.metadata = pairs.map(|(k, v)| (k.into(), v.into())).into();
    for (envelope, parent) in [("raw", "00-a"), ("json", "00-a")] {
        let request = encode(&settings(&[("to.envelope", envelope)]), message.clone());
        assert_eq!(header(&request, "traceparent"), Some(parent), "{envelope}");
        assert_eq!(header(&request, "tracestate"), Some("v=1"), "{envelope}");
    }
}

#[test]
fn null_is_absent_but_for_data_alone() {
    let read = |body: &str| decode(Envelope::Json, [], body.as_bytes()).unwrap();
    let message = read(
        r#"{"topic":"t","content-type":null,"metadata":{"a":null,"b":"c"},"data":null,"data_base64":"eA=="}"#,
    );
    assert_eq!((message.content_type, message.data), (None, b"x".to_vec()));
    assert_eq!(message.metadata, [("b".to_owned(), "c".to_owned())]);
    let message = read(
        r#"{"topic":"t","content-type":null,"metadata":null,"data":{"n":1.0},"data_base64":null}"#,
    );
    assert_eq!(message.content_type.as_deref(), Some("application/json"));
    assert_eq!(
        (message.metadata, message.data),
        (Vec::new(), b"{\"n\":1.0}".to_vec())
    );
    assert_eq!(read(r#"{"topic":"t","data":null}"#).data, b"null");
}

#[test]
fn json_on_the_wire() {
    let settings = settings(&[("to.envelope", "json")]);
    let request = encode(&settings, example());
    let body = concat!(
        r#"{"topic":"orders.new","content-type":"application/json","metadata":{"#,
        r#""traceparent":"00-aa-bb-01","X-Tenant":"Köln","host":"a b","a*":" "},"#,
        "\"data\":{\"n\": 1.0}\n}"
    );
    assert_eq!(String::from_utf8_lossy(&request.body), body);
    assert_eq!(header(&request, "webhook-id"), Some("msg_1"));
    assert_eq!(header(&request, "traceparent"), Some("00-aa-bb-01"));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    for (content_type, data, end) in [
        (None, &b"null"[..], r#""data":"null"}"#),
        (None, b"\xff", r#""data_base64":"/w=="}"#),
        (Some("application/json"), b"null", r#""data":null}"#),
        (Some("application/json"), b"nul", r#""data_base64":"bnVs"}"#),
        (Some("image/png"), b"nul", r#""data_base64":"bnVs"}"#),
        (Some("a/b; charset=\"UTF-8\""), b"nul", r#""data":"nul"}"#),
    ] {
        let mut message = example();
        message.content_type = content_type.map(Into::into);
        message.data = data.into();
        let request = encode(&settings, message);
        assert!(
            request.body.ends_with(end.as_bytes()),
            "{content_type:?} {data:?}"
        );
        assert_eq!(back(&settings, &request).data, data);
    }
}

#[test]
fn reserved_names_are_not_used() {
    let names = [
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "message-keys",
        "message-topic",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-fixed",
    ];
    let settings = settings(&[("to.headers.X-Fixed", "1")]);
    let mut message = example();
    message.metadata = names.map(|name| (name.into(), "theirs".into())).into();
    let request = encode(&settings, message.clone());
    let theirs = request.headers.iter().filter(|(_, v)| v == b"theirs");
    assert!(theirs.clone().all(|(name, _)| name.starts_with('%')));
    assert_eq!(theirs.count(), names.len());
    assert_eq!(back(&settings, &request), message);
}

#[test]
fn a_static_content_type_replaces_the_message_s() {
    let settings = settings(&[("to.headers.content-type", "application/x-own")]);
    let request = encode(&settings, example());
    check_legal(&request);
    assert_eq!(header(&request, "content-type"), Some("application/x-own"));
}

#[test]
fn a_get_head_or_delete_has_no_body() {
    for method in ["GET", "HEAD", "DELETE"] {
        for envelope in ["raw", "json"] {
            let settings = settings(&[("to.method", method), ("to.envelope", envelope)]);
            let request = encode(&settings, example());
            assert_eq!(request.body, b"", "{method} {envelope}");
            for name in ["content-type", "content-length"] {
                assert_eq!(header(&request, name), None, "{method} {envelope}");
            }
            assert_eq!(header(&request, "webhook-id"), Some("msg_1"));
        }
    }
}
