//! The deliveries that run, watched: one that ends before it is told to takes
//! the bridge's readiness with it.

use std::collections::HashMap;
use std::convert::Infallible;

use tokio::runtime::Handle;
use tokio::task::{Id, JoinSet};

use crate::admin::Admin;
use crate::delivery::Summary;

/// All that run; dropped, they stop at once.
#[derive(Default)]
pub(super) struct Deliveries {
    running: JoinSet<Summary>,
    names: HashMap<Id, String>,
}

impl Deliveries {
    /// Starts one on this runtime.
    pub(super) fn spawn(
        &mut self,
        name: String,
        delivery: impl Future<Output = Summary> + Send + 'static,
        on: &Handle,
    ) {
        let task = self.running.spawn_on(delivery, on);
        self.names.insert(task.id(), name);
    }

    /// Tells of each that ends. Cancel-safe.
    pub(super) async fn watch(&mut self, admin: &Admin) -> Infallible {
        loop {
            let (id, why) = match self.running.join_next_with_id().await {
                Some(Ok((id, _))) => (id, "its delivery ended".to_owned()),
                Some(Err(error)) => (error.id(), error.to_string()),
                None => std::future::pending().await,
            };
            admin.set_ready(false);
            tracing::error!(
                subscription = self.names.get(&id),
                "nothing is delivered to this subscription any more, a fault of this program: {why}. Start the bridge again"
            );
        }
    }

    /// Waits until all have ended.
    pub(super) async fn ended(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use http::StatusCode;
    use serde_json::Value;

    use super::*;

    struct NoLedger;

    #[async_trait]
    impl crate::admin::Ledger for NoLedger {
        async fn read(&self) -> Result<Value, String> {
            Ok(Value::Null)
        }
    }

    #[tokio::test]
    async fn a_panic_ends_readiness() {
        let admin = Admin::new(NoLedger, || true);
        admin.set_ready(true);
        let mut deliveries = Deliveries::default();
        let panics = async { panic!("a fault, made for this test") };
        deliveries.spawn("orders".into(), panics, &Handle::current());
        let unready = async {
            while admin.readiness().status() == StatusCode::OK {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            never = deliveries.watch(&admin) => match never {},
            () = unready => {}
        }
    }
}
