//! Compares the rules of this host with the client's behaviour, for each form of message.

use std::time::{Duration, UNIX_EPOCH};

use futures_util::StreamExt;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Subjects, headers, and whether the client can read them.
const FORMS: &[(&[u8], &[u8], bool)] = &[
    (b"t", b"", true),
    (b"t", b"NATS/1.0", true),
    (b"t", b"NATS/1.0\r\n\r\n", true),
    (b"t", b"NATS/1.0\r\na: 1\r\nb:2\r\n\r\n", true),
    (b"t", b"NATS/1.0\na: 1\n\n", true),
    (
        b"t",
        b"NATS/1.0\r\na: 1\r\n more\r\n\tand more\r\n\r\n",
        true,
    ),
    (b"t", b"NATS/1.0\r\n: no name\r\n\r\n", true),
    (b"t", b"NATS/1.0\r\na:\r\n\r\n", true),
    (b"t", b"NATS/1.0\r\na: \xe6\x97\xa5\x00\x1b\r\n\r\n", true),
    (b"t", b"NATS/1.0\r\na: ends\r\r\n\r\n", true),
    (b"t", b"NATS/1.0 503\r\n\r\n", true),
    (b"t", b"NATS/1.0  404 not here\r\n\r\n", true),
    (b"t", b"NATS/1.0\r\na: 1\r\n\r\nb: 2\r\n\r\n", true),
    (b"\xe6\x97\xa5", b"NATS/1.0\r\n\r\n", true),
    (b"t", b"NATS/1.0\r\na b: 1\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\na : 1\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\n a: 1\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\n\xc3\xa4: 1\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\na\x07: 1\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\na: \xff\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\n\xff: 1\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\na: 1\rb\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\na: 1\r\n b\rc\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\nno colon\r\n\r\n", false),
    (b"t", b"NATS/1.0\r\na: 1\r\n\r\nx", false),
    (b"t", b"NATS/1.0 ok\r\n\r\n", false),
    (b"t", b"NATS/1.0 99\r\n\r\n", false),
    (b"t", b"NATS/1.0 1000\r\n\r\n", false),
    (b"t", b"NATS/1.0a: 1\r\n\r\n", false),
    (b"t", b"NATS/2.0\r\na: 1\r\n\r\n", false),
    (b"t", b"nats/1.0\r\n\r\n", false),
    (b"t", b"HTTP/1.1 200 OK\r\n\r\n", false),
    (b"t", b"\r\n\r\n", false),
    (b"t", b" ", false),
    (b"t", b"nonsense", false),
    (b"t\xff", b"", false),
    (b"t\xff", b"NATS/1.0\r\n\r\n", false),
    (b"t\xc2\xa0x", b"", true),
    (b"t\xc2\xa0x", b"NATS/1.0\r\n\r\n", false),
];

fn raw(subject: &[u8], headers: &[u8]) -> RawMessage {
    RawMessage {
        subject: String::from_utf8_lossy(subject).into_owned(),
        is_lossy: std::str::from_utf8(subject).is_err(),
        sequence: 1,
        headers: headers.into(),
        data: "x".into(),
        published: UNIX_EPOCH,
    }
}

#[test]
fn each_form_is_classified() {
    for (subject, headers, readable) in FORMS {
        let found = fault(&raw(subject, headers));
        let (subject, headers) = (subject.escape_ascii(), headers.escape_ascii());
        assert_eq!(found.is_none(), *readable, "{subject} {headers}: {found:?}");
    }
}

/// A server that delivers one message, and reports whether the client accepted it.
async fn is_read(subject: &[u8], headers: &[u8]) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::select! {
            read = serve(stream, subject, headers) => read,
            // The client connects again before it closes the broken connection.
            _ = listener.accept() => false,
        }
    };
    let using = async {
        let client = async_nats::connect(address.to_string()).await.unwrap();
        let mut messages = client.subscribe(">").await.unwrap();
        messages.next().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        read = serving => read,
        () = using => unreachable!("it goes on"),
        () = tokio::time::sleep(Duration::from_secs(60)) => {
            panic!("no end: {} {}", subject.escape_ascii(), headers.escape_ascii())
        }
    }
}

async fn serve(stream: TcpStream, subject: &[u8], headers: &[u8]) -> bool {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let info = r#"INFO {"server_id":"s","server_name":"s","version":"2.9.10","go":"go","host":"h","port":1,"headers":true,"max_payload":1048576,"proto":1,"client_id":1}"#;
    write
        .write_all(format!("{info}\r\n").as_bytes())
        .await
        .unwrap();
    let mut is_asked = false;
    while let Ok(Some(line)) = lines.next_line().await {
        if line == "PING" {
            let _ = write.write_all(b"PONG\r\n").await;
        } else if line.starts_with("SUB") {
            let (mut sent, size) = (Vec::new(), headers.len());
            let verb: &[u8] = if size == 0 { b"MSG " } else { b"HMSG " };
            let sizes = match size {
                0 => " 1 1\r\n".to_owned(),
                _ => format!(" 1 {size} {}\r\n", size + 1),
            };
            for part in [verb, subject, sizes.as_bytes(), headers, b"x\r\nPING\r\n"] {
                sent.extend_from_slice(part);
            }
            let _ = write.write_all(&sent).await;
            is_asked = true;
        } else if line == "PONG" && is_asked {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn the_client_agrees_with_the_classification() {
    for (subject, headers, readable) in FORMS {
        let read = is_read(subject, headers).await;
        let (subject, headers) = (subject.escape_ascii(), headers.escape_ascii());
        assert_eq!(read, *readable, "{subject} {headers}");
    }
}

#[test]
fn intact_headers_of_an_unreadable_message_are_read() {
    let headers = b"NATS/1.0\r\nNats-Msg-Id: m-1\r\nbad name: 1\r\nx: \xff\r\ny: a\r\n b\r\nno colon\r\nz: 1\r\n\r\n";
    let found = readable(headers);
    let get = |name: &str| found.get(name).map(HeaderValue::as_str);
    assert_eq!(get("Nats-Msg-Id"), Some("m-1"));
    assert_eq!((get("x"), get("y")), (Some("\u{fffd}"), Some("a b")));
    assert_eq!((get("z"), found.len()), (Some("1"), 4));
    assert_eq!(
        shown(b"NATS/1.0\r\nx: \xff\r\n"),
        r"NATS/1.0\r\nx: \xff\r\n"
    );
}
