//! Runs and watches deliveries: if one ends too early, the bridge is no longer ready.
//! What a delivery does is in `delivery`.

use std::collections::HashMap;
use std::convert::Infallible;

use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};

use crate::admin::{Admin, Phase};
use crate::delivery::DrainSummary;

/// The running deliveries, one for each thread of a subscription. They stop at once when
/// this is dropped.
#[derive(Default)]
pub(super) struct Deliveries {
    running: JoinSet<DrainSummary>,
    names: HashMap<Id, String>,
    groups: HashMap<String, SubscriptionState>,
}

/// The deliveries of one subscription.
#[derive(Default)]
struct SubscriptionState {
    running: usize,
    /// The summary of the deliveries that ended.
    summary: Option<DrainSummary>,
}

impl Deliveries {
    /// Starts a delivery of the subscription `name` on a runtime.
    pub(super) fn spawn(
        &mut self,
        name: String,
        delivery: impl Future<Output = DrainSummary> + Send + 'static,
        on: &Handle,
    ) {
        let task = self.running.spawn_on(delivery, on);
        self.groups.entry(name.clone()).or_default().running += 1;
        self.names.insert(task.id(), name);
    }

    /// Logs each delivery that ends, and ends readiness. Cancel-safe.
    pub(super) async fn watch(&mut self, admin: &Admin) -> Infallible {
        loop {
            let Some(ended) = self.running.join_next_with_id().await else {
                std::future::pending().await
            };
            let why = match &ended {
                Ok(_) => "its delivery ended".to_owned(),
                Err(error) => error.to_string(),
            };
            let (subscription, running) = self.remove_ended(ended);
            let what = match running {
                0 => "this subscription no longer delivers messages",
                _ => "a thread of this subscription no longer delivers messages",
            };
            admin.set_phase(Phase::Failed(format!("{subscription}: {what}")));
            tracing::error!(
                subscription,
                "{what}, because of a bug in bridge-host: {why}. Restart the bridge, and report this line"
            );
        }
    }

    /// Waits until all deliveries have ended, and logs a summary of each subscription.
    pub(super) async fn ended(mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            let (name, running) = self.remove_ended(ended);
            let summary = self.groups.get(&name).and_then(|group| group.summary);
            if let Some(summary) = summary.filter(|_| running == 0) {
                log_drained(&name, &summary);
            }
        }
    }

    /// Removes a delivery that ended. Returns its subscription, and how many deliveries of
    /// the subscription still run.
    fn remove_ended(&mut self, ended: Result<(Id, DrainSummary), JoinError>) -> (String, usize) {
        let (id, summary) = match ended {
            Ok((id, summary)) => (id, Some(summary)),
            Err(error) => (error.id(), None),
        };
        let name = self.names.remove(&id).unwrap_or_default();
        let group = self.groups.entry(name.clone()).or_default();
        group.running -= 1;
        group.summary = group
            .summary
            .into_iter()
            .chain(summary)
            .reduce(DrainSummary::and);
        (name, group.running)
    }
}

/// Logs how many deliveries finished, and how many messages went back to the broker.
fn log_drained(subscription: &str, summary: &DrainSummary) {
    tracing::info!(
        subscription,
        finished = summary.finished,
        given_back = summary.given_back,
        took = ?summary.took,
        "drained"
    );
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_readiness() {
        let admin = Admin::new(Default::default());
        admin.set_phase(Phase::Running);
        let mut deliveries = Deliveries::default();
        let panics = async { panic!("made for this test") };
        deliveries.spawn("orders".into(), panics, &Handle::current());
        let unready = async {
            while admin.readiness(true).status() == StatusCode::OK {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            never = deliveries.watch(&admin) => match never {},
            () = unready => {}
        }
    }
}
