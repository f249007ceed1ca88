//! Messages of a key that had a dead letter: the letter blocks it, and what
//! comes behind has to ask for its turn.

use std::time::Duration;

use tokio::time::sleep;

use super::{End, Worker, story};
use crate::broker::{BrokerError, Incoming, KeyTurn, KeyedMessage, Settlement};
use crate::delivery::settle::settle;

/// Until it is asked again where there was no answer.
const AGAIN: Duration = Duration::from_secs(2);

impl Worker {
    /// Gives a message back whose turn it is. One that has to wait is kept by
    /// whoever keeps the letter, and is settled here.
    pub(super) async fn turn(&mut self, head: Incoming) -> Result<Incoming, End> {
        let engine = self.engine.clone();
        let Some(key) = engine.blocked.suspected(&head.message) else {
            return Ok(head);
        };
        let mut head = head;
        loop {
            match self.ask(&mut head, &key).await {
                Ok(KeyTurn::Free) => {
                    engine.blocked.remove(&key);
                    return Ok(head);
                }
                Ok(KeyTurn::Now) => return Ok(head),
                Ok(KeyTurn::Later) => {
                    self.move_away(head).await;
                    return Err(End::Settled);
                }
                Err(error) => {
                    story(&engine, &head).not_asked(&error);
                    if self.wait(&mut head, sleep(AGAIN)).await.is_none() {
                        return Err(End::Draining);
                    }
                }
            }
        }
    }

    /// Before a message is given up, its key is as good as blocked.
    pub(super) fn blocking(&self, head: &Incoming, settlement: Settlement) -> Settlement {
        let Settlement::DeadLetter(mut letter) = settlement else {
            return settlement;
        };
        letter.key = self.engine.blocked.key(&head.message);
        if let Some(key) = &letter.key {
            self.engine.blocked.add(key);
        }
        Settlement::DeadLetter(letter)
    }

    async fn ask(&mut self, head: &mut Incoming, key: &str) -> Result<KeyTurn, BrokerError> {
        let engine = self.engine.clone();
        let waiting = KeyedMessage {
            subscription: engine.delivery.name.clone(),
            key: key.to_owned(),
            message: head.message.clone(),
            id: head.id.clone(),
            published: head.published,
        };
        let receipt = &mut head.receipt;
        let asked = async {
            match receipt.turn_check() {
                Some(broker) => broker.turn(key).await,
                None => engine.delivery.dead_letters.turn(waiting).await,
            }
        };
        let turn = tokio::select! {
            biased;
            turn = asked => turn,
            never = self.keep(None) => match never {},
        };
        if turn.as_ref().is_ok_and(|turn| *turn != KeyTurn::Later) {
            self.take_again(head);
        }
        turn
    }

    /// Where another keeps it now, its broker is asked to let it go. From there
    /// it may have come already: given back, it comes in its turn.
    async fn move_away(&mut self, head: Incoming) {
        self.let_go(head).await;
        self.take_in();
        self.again = None;
    }

    async fn let_go(&mut self, head: Incoming) {
        let engine = self.engine.clone();
        let story = story(&engine, &head);
        story.waits();
        if head.receipt.capabilities().dead_letters {
            // It was settled by the answer.
            return;
        }
        let dead_letters = &*engine.delivery.dead_letters;
        tokio::select! {
            biased;
            // Not let go it comes again, and is known.
            _ = settle(head.receipt, &Settlement::Moved, None, dead_letters, &story) => {}
            never = self.keep(None) => match never {},
        }
    }
}
