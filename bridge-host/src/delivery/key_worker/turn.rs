//! Messages of a key that had a dead letter: the dead letter blocks the key, so
//! later messages must ask the store whether it is their turn.

use std::time::Duration;

use tokio::time::sleep;

use super::{DeliveryEnd, KeyWorker, delivery_log};
use crate::broker::{BrokerError, Incoming, KeyTurn, KeyedMessage, Settlement};
use crate::delivery::settle::settle;

/// The pause before the broker is asked again if it did not answer.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(2);

impl KeyWorker {
    /// Returns the message once its turn has come. A message that must wait is
    /// kept by the store of the dead letter, and is settled at its broker.
    pub(super) async fn wait_for_turn(&mut self, head: Incoming) -> Result<Incoming, DeliveryEnd> {
        let engine = self.engine.clone();
        let Some(key) = engine.blocked_keys.may_be_blocked(&head.message) else {
            return Ok(head);
        };
        let mut head = head;
        loop {
            match self.ask_turn(&mut head, &key).await {
                Ok(KeyTurn::Free) => {
                    engine.blocked_keys.remove(&key);
                    return Ok(head);
                }
                Ok(KeyTurn::Now) => return Ok(head),
                Ok(KeyTurn::Later) => {
                    self.move_away(head).await;
                    return Err(DeliveryEnd::Settled);
                }
                Err(error) => {
                    delivery_log(&engine, &head).turn_unknown(&error);
                    if self.wait(&mut head, sleep(ASK_AGAIN_AFTER)).await.is_none() {
                        return Err(DeliveryEnd::Draining);
                    }
                }
            }
        }
    }

    /// Marks the key of a dead letter as blocked, before the letter is stored.
    pub(super) fn mark_key_blocked(&self, head: &Incoming, settlement: Settlement) -> Settlement {
        let Settlement::DeadLetter(mut letter) = settlement else {
            return settlement;
        };
        letter.key = self.engine.blocked_keys.key(&head.message);
        if let Some(key) = &letter.key {
            self.engine.blocked_keys.add(key);
        }
        Settlement::DeadLetter(letter)
    }

    async fn ask_turn(&mut self, head: &mut Incoming, key: &str) -> Result<KeyTurn, BrokerError> {
        let engine = self.engine.clone();
        let waiting = KeyedMessage {
            subscription: engine.delivery.name.clone(),
            key: key.to_owned(),
            message: head.message.clone(),
            id: head.id.clone(),
            published: head.published,
        };
        let receipt = &mut head.receipt;
        let answer = async {
            match receipt.turn_check() {
                Some(broker) => broker.turn(key).await,
                None => engine.delivery.dead_letters.turn(waiting).await,
            }
        };
        let turn = tokio::select! {
            biased;
            turn = answer => turn,
            never = self.keep_leases(None) => match never {},
        };
        if turn.as_ref().is_ok_and(|turn| *turn != KeyTurn::Later) {
            self.use_newer_receipt(head);
        }
        turn
    }

    /// Removes a message from its broker, because the store of the dead letter keeps
    /// it now. If the store has delivered the message already, that delivery is given
    /// back, and is repeated when it is the message's turn.
    async fn move_away(&mut self, head: Incoming) {
        self.let_go(head).await;
        self.take_arrivals();
        self.redelivery = None;
    }

    async fn let_go(&mut self, head: Incoming) {
        let engine = self.engine.clone();
        let log = delivery_log(&engine, &head);
        log.waits_behind_dead_letter();
        if head.receipt.capabilities().dead_letters {
            // The broker settled the message when it answered.
            return;
        }
        let dead_letters = &*engine.delivery.dead_letters;
        tokio::select! {
            biased;
            // If the settlement fails, the message is redelivered, and the store
            // recognises it.
            _ = settle(head.receipt, &Settlement::Moved, None, dead_letters, &log) => {}
            never = self.keep_leases(None) => match never {},
        }
    }
}
