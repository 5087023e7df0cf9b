//! The wallboard as a person has it: in a real browser, from the product's own server.
//!
//! Figures are compared with what the API says, actions are those of a keyboard and a pointer. The browser is driven
//! by the harness; how the page does it inside is not known here but for the marks that it sets for tests: `data-field`,
//! `data-queue`, `data-status`, `data-health`.

mod access;
mod center;
mod crowd;
mod figures;
mod line;
mod looks;

use crate::harness::browser::Browser;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whatever the machine has to do beside it.
const LIMIT: Duration = Duration::from_secs(60);

/// A browser, one at a time: each takes a core and more.
struct Viewer {
    browser: Browser,
    _turn: MutexGuard<'static, ()>,
}

impl Viewer {
    fn start() -> Option<Viewer> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Viewer { browser: Browser::start()?, _turn: turn })
    }

    /// Opens the page and waits until so many tiles have figures.
    fn open(&self, url: &str, tiles: usize) {
        self.browser.open(url);
        self.wait_for_tiles(tiles);
    }

    fn wait_for_tiles(&self, tiles: usize) {
        let shown = format!(
            "document.querySelectorAll('.tile').length === {tiles} && document.querySelector('.tile[data-status]') !== null"
        );
        self.browser.wait_for(&format!("{tiles} tiles"), &shown, LIMIT);
    }

    /// What the tile of a queue shows in a field, without spaces.
    fn field(&self, queue: &str, field: &str) -> String {
        self.field_of(&format!("[data-queue={queue}]"), field)
    }

    /// As [`Viewer::field`], where a queue has several channels.
    fn field_of(&self, tile: &str, field: &str) -> String {
        let found = format!("document.querySelector('{tile} [data-field={field}]')?.textContent");
        self.browser.text(&found).split_whitespace().collect()
    }

    /// The queues of the tiles, in their order.
    fn order(&self) -> Vec<String> {
        let found = self
            .browser
            .text("[...document.querySelectorAll('.tile')].map((tile) => tile.dataset.queue).join()");
        found.split(',').filter(|queue| !queue.is_empty()).map(str::to_owned).collect()
    }

    fn wait_for_health(&self, kind: &str) {
        let expression = format!("document.body.dataset.health === '{kind}'");
        self.browser.wait_for(&format!("health {kind}"), &expression, LIMIT);
    }
}
