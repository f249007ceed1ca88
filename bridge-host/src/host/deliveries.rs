//! The deliveries that run, watched: one that ends before it is told to takes
//! the bridge's readiness with it.

use std::collections::HashMap;
use std::convert::Infallible;

use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};

use crate::admin::{Admin, Phase};
use crate::delivery::Summary;

/// All that run, one or more of a subscription; dropped, they stop at once.
#[derive(Default)]
pub(super) struct Deliveries {
    running: JoinSet<Summary>,
    names: HashMap<Id, String>,
    groups: HashMap<String, Group>,
}

/// Those of one subscription.
#[derive(Default)]
struct Group {
    running: usize,
    /// Of those that ended.
    summary: Option<Summary>,
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
        self.groups.entry(name.clone()).or_default().running += 1;
        self.names.insert(task.id(), name);
    }

    /// Tells of each that ends. Cancel-safe.
    pub(super) async fn watch(&mut self, admin: &Admin) -> Infallible {
        loop {
            let Some(ended) = self.running.join_next_with_id().await else {
                std::future::pending().await
            };
            let why = match &ended {
                Ok(_) => "its delivery ended".to_owned(),
                Err(error) => error.to_string(),
            };
            let (subscription, running) = self.ended_one(ended);
            let what = match running {
                0 => "nothing is delivered to this subscription any more",
                _ => "a thread of this subscription delivers nothing any more",
            };
            admin.set_phase(Phase::Failed(format!("{subscription}: {what}")));
            tracing::error!(
                subscription,
                "{what}, a fault of this program: {why}. Start the bridge again"
            );
        }
    }

    /// Waits until all have ended, and tells of each subscription how it did.
    pub(super) async fn ended(mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            let (name, running) = self.ended_one(ended);
            let summary = self.groups.get(&name).and_then(|group| group.summary);
            if let Some(summary) = summary.filter(|_| running == 0) {
                drained(&name, &summary);
            }
        }
    }

    /// The subscription that it was of, and how many of that run on.
    fn ended_one(&mut self, ended: Result<(Id, Summary), JoinError>) -> (String, usize) {
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
            .reduce(Summary::and);
        (name, group.running)
    }
}

/// The intake stopped and what was under way came to its end, or was given back.
fn drained(subscription: &str, summary: &Summary) {
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
        let panics = async { panic!("a fault, made for this test") };
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
