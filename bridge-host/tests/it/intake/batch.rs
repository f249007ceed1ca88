//! Batches: many messages in one request.

use std::fmt::Write as _;

use serde_json::json;

use bridge_host::ingest::Settings;

use super::running::Running;

#[tokio::test]
async fn each_line_gets_its_answer_in_order() {
    let bridge = Running::start().await;
    let lines = concat!(
        r#"{"topic":"t","id":"a","data":"text"}"#,
        "\n\n",
        r#"{"topic":"t","id":"b","data":{"n":1.0}}"#,
        "\r\n",
        r#"{"topic":"t..t","data":""}"#,
        "\nnonsense\n",
        r#"{"topic":"t","id":"a","data":"again"}"#,
        "\n",
        r#"{"topic":"t","id":"c","metadata":{"K":"v"},"content-type":"image/png","data_base64":"AP8="}"#,
    );
    let reply = bridge.post("/batch").send(lines).await;
    assert_eq!(reply.status, 200);
    let answers = reply.lines();
    assert_eq!(answers.len(), 6, "{answers:?}");
    assert_eq!(answers[0], json!({ "id": "a", "duplicate": false }));
    assert_eq!(answers[1], json!({ "id": "b", "duplicate": false }));
    assert_eq!(
        (&answers[2]["line"], &answers[2]["status"]),
        (&json!(4), &json!(400))
    );
    assert!(answers[2]["error"].as_str().unwrap().contains("empty word"));
    assert_eq!(
        (&answers[3]["line"], &answers[3]["status"]),
        (&json!(5), &json!(400))
    );
    assert_eq!(answers[4], json!({ "id": "a", "duplicate": true }));
    assert_eq!(answers[5], json!({ "id": "c", "duplicate": false }));

    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(bridge.next().await);
    }
    taken.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(taken[0].message.data, "text");
    assert_eq!(taken[1].message.data, r#"{"n":1.0}"#);
    assert_eq!(
        taken[1].message.content_type.as_deref(),
        Some("application/json")
    );
    assert_eq!(taken[2].message.data, &[0, 255][..]);
    assert_eq!(taken[2].message.metadata, [("K".into(), "v".into())]);
}

#[tokio::test]
async fn lines_are_read_however_chunks_split_them() {
    let bridge = Running::start().await;
    let mut lines = String::new();
    for n in 0..5_000 {
        writeln!(lines, r#"{{"topic":"t","id":"m{n}","data":{n}}}"#).unwrap();
    }
    let chunks = lines.into_bytes().chunks(777).map(<[u8]>::to_vec).collect();
    let reply = bridge.post("/batch").send_chunked(chunks).await;
    let answers = reply.lines();
    assert_eq!(answers.len(), 5_000);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], format!("m{n}"));
    }
}

/// A long line takes time to read, and a short one must not overtake it.
#[tokio::test(flavor = "multi_thread")]
async fn messages_keep_the_order_of_their_lines() {
    let bridge = Running::start().await;
    let mut lines = String::new();
    for n in 0..500 {
        let data = format!("{n} {}", "x".repeat(n * 7919 % 50_000));
        writeln!(lines, r#"{{"topic":"t","data":"{data}"}}"#).unwrap();
    }
    let answers = bridge.post("/batch").send(lines).await.lines();
    assert!(answers.iter().all(|answer| answer["id"].is_string()));
    for n in 0..500 {
        let data = bridge.next().await.message.data.clone();
        let found = data.split(|byte| *byte == b' ').next().unwrap();
        assert_eq!(found, n.to_string().as_bytes());
    }
}

/// A line with as many entries as it can hold is refused in linear time.
#[tokio::test]
async fn a_line_with_too_much_metadata_is_refused() {
    let bridge = Running::start().await;
    let line = |count: usize, value: &str| {
        let entries = (0..count).map(|n| format!("\"k{n}\":\"{value}\""));
        let entries = entries.collect::<Vec<_>>().join(",");
        format!("{{\"topic\":\"t\",\"data\":\"\",\"metadata\":{{{entries}}}}}\n")
    };
    let lines = [
        line(1_500_000, ""),
        line(2_001, ""),
        line(1_000, &"x".repeat(300)),
        line(2_000, "x"),
    ];
    let answers = bridge.post("/batch").send(lines.concat()).await.lines();
    for (answer, says) in answers.iter().zip(["1500000", "2001", "303890"]) {
        assert_eq!(answer["status"], 400, "{answer}");
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(says) && error.contains("at most"), "{error}");
    }
    assert!(answers[3]["id"].is_string(), "{}", answers[3]);
    let metadata = bridge.next().await.message.metadata.clone();
    assert_eq!(metadata.len(), 2_000);
    assert_eq!(metadata[1_999], ("k1999".into(), "x".into()));
}

#[tokio::test]
async fn too_many_and_too_long_lines_are_refused() {
    let bridge = Running::start_with(Settings {
        max_body: 1000,
        ..Settings::default()
    })
    .await;
    let long = format!(r#"{{"topic":"t","data":"{}"}}"#, "x".repeat(3 << 20));
    let short = r#"{"topic":"t","id":"s","data":"x"}"#;
    let reply = bridge
        .post("/batch")
        .send(format!("{long}\n{short}\n{long}"));
    let answers = reply.await.lines();
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert_eq!(
        (&answers[0]["status"], &answers[0]["line"]),
        (&json!(413), &json!(1))
    );
    let error = answers[0]["error"].as_str().unwrap();
    assert!(error.contains("a line is limited to at most"), "{error}");
    assert!(error.contains("data_base64"), "{error}");
    assert_eq!(answers[1]["id"], "s");
    assert_eq!(
        (&answers[2]["status"], &answers[2]["line"]),
        (&json!(413), &json!(3))
    );

    let data = format!(r#"{{"topic":"t","data":"{}"}}"#, "x".repeat(1001));
    let answers = bridge.post("/batch").send(data).await.lines();
    assert_eq!(answers[0]["status"], 413, "{answers:?}");

    let many = "nonsense\n".repeat(10_001);
    let answers = bridge.post("/batch").send(many).await.lines();
    assert_eq!(answers.len(), 10_001);
    assert_eq!(answers[10_000]["line"], 10_001);
    assert_eq!(answers[10_000]["status"], 413);
}
