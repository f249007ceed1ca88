//! Trailers of requests and of responses.

use super::subscription;
use crate::harness::{Bridge, guest};

#[tokio::test(flavor = "multi_thread")]
async fn trailers_reach_the_handler_and_come_back() {
    let component = format!("component = {:?}", guest("trailer"));
    let bridge = Bridge::start(&subscription("trail", "/trailers", "", &component)).await;
    for length in [0, 3, 300_000] {
        let id = bridge.accept("trail", &[], vec![b'x'; length]).await;
        let letter = bridge.dead_letter(&id).await;
        let wanted = format!("{length} [(\"x-checksum\", \"{length}\")]");
        assert!(letter.reason.contains(&wanted), "{}", letter.reason);
    }
}
