//! Requests and replies: brokers that support them answer, and the others return an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge_host::broker::{Broker, BrokerError, Reply, Request};
use bridge_host::message::{Message, MessageId};

use super::Server;
use super::support::{ack, next, publish, subscribe};

fn question(timeout: Duration, most: u32) -> Request {
    Request {
        message: Message::new("questions", "why?"),
        id: MessageId::generate(),
        timeout,
        most,
        most_bytes: 1 << 20,
    }
}

/// Sends a request to a broker that supports requests.
async fn ask(broker: &Arc<dyn Broker>, request: Request) -> Result<Vec<Reply>, BrokerError> {
    let requests = broker.requests().expect("it has requests");
    requests.request(request).await
}

pub async fn a_request_is_refused<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    assert!(!broker.capabilities().requests);
    let mut subscription = subscribe(&broker, &["questions"]).await;
    assert!(broker.requests().is_none());
    publish(&broker, "questions", "why?").await;
    let incoming = next(&mut subscription).await;
    let answer = Message::new("", "because");
    let replied = incoming.reply_to.reply(answer, MessageId::generate());
    assert!(matches!(replied.await, Err(BrokerError::Refused(_))));
    ack(incoming).await;
}

pub async fn a_request_gets_its_replies<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    assert!(broker.capabilities().requests);
    let mut subscription = subscribe(&broker, &["questions"]).await;
    for (most, wanted) in [(2, vec!["one", "two"]), (1, vec!["one"])] {
        let asking = broker.clone();
        let asked = tokio::spawn(async move {
            let request = question(Duration::from_secs(30), most);
            ask(&asking, request).await
        });
        let incoming = next(&mut subscription).await;
        for text in ["one", "two"] {
            let mut answer = Message::new("", text);
            answer.add_metadata("x-kept", "yes");
            let replied = incoming.reply_to.reply(answer, MessageId::generate());
            replied.await.expect("it is sent");
        }
        assert_eq!(ack(incoming).await, "why?");
        let replies = asked.await.expect("no panic").expect("replies");
        let texts = replies.iter().map(|it| it.message.data.clone());
        assert_eq!(texts.collect::<Vec<_>>(), wanted);
        let kept = &replies[0].message.metadata;
        assert!(kept.contains(&("x-kept".into(), "yes".into())), "{kept:?}");
    }
    // The message is not a request, so a reply to it is discarded.
    publish(&broker, "questions", "so").await;
    let incoming = next(&mut subscription).await;
    let answer = Message::new("", "because");
    let replied = incoming.reply_to.reply(answer, MessageId::generate());
    replied.await.expect("nothing to do");
    ack(incoming).await;
}

pub async fn a_request_without_an_answer_is_an_error<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    const SECOND: Duration = Duration::from_secs(1);
    let (short, long) = (Duration::from_millis(300), 30 * SECOND);
    let began = Instant::now();
    let asked = ask(&broker, question(long, 1)).await;
    let Err(BrokerError::Unavailable(why)) = asked else {
        panic!("{asked:?}");
    };
    assert!(
        why.to_string()
            .contains("no client that replies subscribes to \"questions\""),
        "{why}"
    );
    assert!(began.elapsed() < long, "{:?}", began.elapsed());

    let mut subscription = subscribe(&broker, &["questions"]).await;
    let asked = ask(&broker, question(short, 1)).await;
    assert!(matches!(asked, Err(BrokerError::Timeout)), "{asked:?}");
    ack(next(&mut subscription).await).await;

    // The replies that came in time are returned, although more were requested.
    let asking = broker.clone();
    let asked = tokio::spawn(async move { ask(&asking, question(5 * SECOND, 9)).await });
    let incoming = next(&mut subscription).await;
    let replied = incoming
        .reply_to
        .reply(Message::new("", "one"), MessageId::generate());
    replied.await.expect("it is sent");
    ack(incoming).await;
    assert_eq!(asked.await.expect("no panic").expect("a reply").len(), 1);

    // Replies beyond the limit are an error; they are not cut off.
    let mut request = question(30 * SECOND, 9);
    request.most_bytes = 100;
    let asking = broker.clone();
    let asked = tokio::spawn(async move { ask(&asking, request).await });
    let incoming = next(&mut subscription).await;
    let large = Message::new("", "x".repeat(200));
    let replied = incoming.reply_to.reply(large, MessageId::generate());
    replied.await.expect("it is sent");
    ack(incoming).await;
    let asked = asked.await.expect("no panic");
    assert!(matches!(asked, Err(BrokerError::Refused(_))), "{asked:?}");
}
