//! Plain HTTP requests of the tests.
//!
//! Any status is an answer; only the lack of one is a failure. Must never know who answers.

use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// Status and body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, read as text.
    pub body: String,
}

/// Gets a URL with query parameters. Fails where no whole answer comes within 10 s.
pub fn get(url: &str, parameters: &[(&str, &str)]) -> Result<Answer, String> {
    // A proxy of the environment has no business between two processes of one machine.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(LIMIT))
        .proxy(None)
        .build()
        .into();
    let mut answer = agent
        .get(url)
        .query_pairs(parameters.iter().copied())
        .call()
        .map_err(|e| format!("get {url}: {e}"))?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().read_to_string().map_err(|e| format!("get {url}: {e}"))?;
    Ok(Answer { status, body })
}
