//! A headless Chromium, driven over WebDriver: the few commands that a test of a page needs, as plain HTTP.
//!
//! The protocol is small enough that a client library would only add its own. Must never know a page.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::folder::RunFolder;
use super::process::{Process, free_port};
use super::provision::{Packaged, present, tool};

const START_LIMIT: Duration = Duration::from_secs(90);
const COMMAND_LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

/// Quiet and alone: no first run, no updates, no services of its maker, all of which would only fail.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-extensions",
    "--no-first-run",
    "--force-color-profile=srgb",
];

/// The key that moves the focus on.
pub const TAB: &str = "\u{e004}";
/// The key that presses what has the focus.
pub const ENTER: &str = "\u{e007}";
/// The key that closes.
pub const ESCAPE: &str = "\u{e00c}";

/// A browser with one window; ended when dropped, with its profile.
#[derive(Debug)]
pub struct Browser {
    session: String,
    agent: ureq::Agent,
    _driver: Process,
    _profile: RunFolder,
}

impl Browser {
    /// Starts one with a window of 1366 by 768.
    ///
    /// None where no Chromium can be had; panics where one can but does not start.
    pub fn start() -> Option<Browser> {
        let chromium = present(tool(Packaged::Chromium))?;
        let chromedriver = present(tool(Packaged::Chromedriver))?;
        let port = free_port();
        let mut command = chromedriver.command();
        command.arg(format!("--port={port}"));
        let mut driver = Process::start(&command);
        let url = format!("http://127.0.0.1:{port}");
        driver.wait_for_http(&format!("{url}/status"), START_LIMIT);
        let profile = RunFolder::new("chromium");
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let options = json!({"binary": chromium.program(), "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        // A proxy of the environment has no business between two processes of one machine.
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(COMMAND_LIMIT))
            .proxy(None)
            .build()
            .into();
        let session = post(&agent, &format!("{url}/session"), &wanted)
            .unwrap_or_else(|e| panic!("no session: {e}\n{}", driver.output()));
        let session = format!("{url}/session/{}", session["sessionId"].as_str().expect("a session id"));
        let browser = Browser { session, agent, _driver: driver, _profile: profile };
        browser.size(1366, 768);
        Some(browser)
    }

    /// Sets the size of the page, whatever that of the window.
    pub fn size(&self, width: u32, height: u32) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Makes the system prefer `dark` or `light`.
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    /// Opens an address and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.command("/url", &json!({"url": url}));
    }

    /// Runs the body of a function in the page and gives what it returns; `arguments` are in `arguments`.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.command("/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// As [`Browser::run`], where the script calls its last argument with the result.
    pub fn run_later(&self, script: &str, arguments: &[Value]) -> Value {
        self.command("/execute/async", &json!({"script": script, "args": arguments}))
    }

    /// What an expression gives, as text; the empty text for null.
    pub fn text(&self, expression: &str) -> String {
        match self.run(&format!("return {expression};"), &[]) {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// Runs an expression until it gives a true value, and returns that; panics at `limit`.
    pub fn wait_for(&self, what: &str, expression: &str, limit: Duration) -> Value {
        let start = Instant::now();
        loop {
            let value = self.run(&format!("return {expression};"), &[]);
            if !matches!(&value, Value::Null | Value::Bool(false)) {
                return value;
            }
            if start.elapsed() >= limit {
                let body = self.text("document.body.innerText");
                panic!("no {what} within {} s; the page reads:\n{body}", limit.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Presses and releases a key; a held `shift` goes with it.
    pub fn press(&self, key: &str, shift: bool) {
        let mut actions =
            vec![json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        if shift {
            actions.insert(0, json!({"type": "keyDown", "value": "\u{e008}"}));
            actions.push(json!({"type": "keyUp", "value": "\u{e008}"}));
        }
        self.command("/actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}));
    }

    /// Types a text into what has the focus.
    pub fn type_text(&self, text: &str) {
        text.chars().for_each(|letter| self.press(&letter.to_string(), false));
    }

    /// Writes a picture of the page as it is seen.
    pub fn picture(&self, path: &Path) {
        let url = format!("{}/screenshot", self.session);
        let picture = self.agent.get(&url).call().unwrap_or_else(|e| panic!("{url}: {e}"));
        let picture = value_of(&url, picture).unwrap_or_else(|e| panic!("{e}"));
        let bytes = STANDARD.decode(picture.as_str().expect("a picture")).expect("base64");
        fs::write(path, bytes).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
    }

    /// A command of the browser's own protocol.
    pub fn devtools(&self, name: &str, parameters: &Value) -> Value {
        self.command("/goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        post(&self.agent, &format!("{}{path}", self.session), body).unwrap_or_else(|e| panic!("{e}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes the browser with it only when asked; what fails here fails at the end of a test.
        let _ = self.agent.delete(&self.session).call();
    }
}

fn post(agent: &ureq::Agent, url: &str, body: &Value) -> Result<Value, String> {
    let request = agent.post(url).header("content-type", "application/json; charset=utf-8");
    let answer = request.send(body.to_string()).map_err(|e| format!("{url}: {e}"))?;
    value_of(url, answer)
}

fn value_of(url: &str, mut answer: ureq::http::Response<ureq::Body>) -> Result<Value, String> {
    // Pictures are larger than the limit of a text that is read without one.
    let text = answer.body_mut().with_config().limit(64 * 1_024 * 1_024).read_to_string();
    let text = text.map_err(|e| format!("{url}: {e}"))?;
    let mut value: Value = serde_json::from_str(&text).map_err(|e| format!("{url}: {e}: {text}"))?;
    let value = value["value"].take();
    match value["error"].as_str() {
        Some(error) if value["stacktrace"].is_string() => {
            Err(format!("{url}: {error}: {}", value["message"].as_str().unwrap_or("")))
        }
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_a_page_and_answers() {
        let Some(browser) = Browser::start() else { return };
        browser.size(390, 844);
        browser.prefer("dark");
        browser.open("data:text/html,<title>t</title><meta name=viewport content=width=device-width><button>one</button><button>two</button>");
        assert_eq!(browser.text("document.title"), "t");
        assert_eq!(browser.run("return [innerWidth, arguments[0]];", &[json!(7)]), json!([390, 7]));
        assert_eq!(browser.text("matchMedia('(prefers-color-scheme: dark)').matches"), "true");
        browser.press(TAB, false);
        browser.press(TAB, false);
        assert_eq!(browser.text("document.activeElement.textContent"), "two");
        browser.press(TAB, true);
        assert_eq!(browser.text("document.activeElement.textContent"), "one");
        let later = "const done = arguments[1]; setTimeout(() => done(arguments[0] + 1), 10);";
        assert_eq!(browser.run_later(later, &[json!(1)]), json!(2));
        let folder = RunFolder::new("picture");
        let path = folder.path().join("page.png");
        browser.picture(&path);
        assert!(fs::read(&path).unwrap().starts_with(b"\x89PNG"));
    }
}
