//! The dead letters of a bridge, as its users see them.

use std::process::Command;

use super::bridge::{Bridge, binary};
use super::until;

/// One dead letter, as `dead-letters list --json` tells it.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Letter {
    pub letter: i64,
    pub subscription: String,
    pub id: String,
    pub topic: String,
    pub reason: String,
    pub status: Option<u16>,
    pub blocks: Option<String>,
    pub attempts: u32,
    pub backtrace: Option<String>,
}

impl Bridge {
    /// Runs a command of the tool in the bridge's folder, and tells what it
    /// printed.
    pub fn command(&self, args: &[&str]) -> String {
        let output = Command::new(binary())
            .args(args)
            .current_dir(self.folder.path())
            .output()
            .expect("the tool runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{args:?}: {}\n{stderr}",
            output.status
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// All dead letters so far.
    pub fn dead_letters(&self) -> Vec<Letter> {
        let printed = self.command(&["dead-letters", "list", "--json"]);
        serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{e}: {printed}"))
    }

    /// The dead letter of a message, once there is one.
    pub async fn dead_letter(&self, id: &str) -> Letter {
        until(&format!("the dead letter of {id}"), || async {
            self.dead_letters()
                .into_iter()
                .find(|letter| letter.id == id)
        })
        .await
    }
}
