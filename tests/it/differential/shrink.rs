//! A failing scenario made small: contacts, agents and then single records taken out while it still fails.
//!
//! It must never know why it fails.

use std::collections::BTreeSet;

use crate::reference::Input;

/// The least part of the inputs found that still fails.
pub fn shrink(inputs: &[Input], fails: impl Fn(&[Input]) -> bool) -> Vec<Input> {
    let mut inputs = inputs.to_vec();
    let keys: BTreeSet<String> = inputs.iter().map(key_of).collect();
    let keys: Vec<String> = keys.into_iter().collect();
    let mut width = keys.len().div_ceil(2).max(1);
    loop {
        for keys in keys.chunks(width) {
            keep_if_failing(&mut inputs, |_, input| !keys.contains(&key_of(input)), &fails);
        }
        if width == 1 {
            break;
        }
        width = width.div_ceil(2);
    }
    for at in (0..inputs.len().min(400)).rev() {
        keep_if_failing(&mut inputs, |place, _| place != at, &fails);
    }
    inputs
}

/// Records in words, a line each.
pub fn told(inputs: &[Input]) -> String {
    let line = |input: &Input| {
        let text = String::from_utf8_lossy(&input.value).into_owned();
        format!("{}/{} read at {}: {text}\n", input.partition, input.offset, input.wall_ms)
    };
    inputs.iter().map(line).collect()
}

fn keep_if_failing(
    inputs: &mut Vec<Input>,
    keep: impl Fn(usize, &Input) -> bool,
    fails: &impl Fn(&[Input]) -> bool,
) {
    let fewer = inputs.iter().enumerate().filter(|(at, input)| keep(*at, input));
    let fewer: Vec<Input> = fewer.map(|(_, input)| input.clone()).collect();
    if fewer.len() < inputs.len() && fails(&fewer) {
        *inputs = fewer;
    }
}

/// Who the record is about.
fn key_of(input: &Input) -> String {
    let Ok(event) = serde_json::from_slice::<serde_json::Value>(&input.value) else {
        return format!("{}/{}", input.partition, input.offset);
    };
    let subject = if event["contact_id"].is_null() { &event["agent_id"] } else { &event["contact_id"] };
    format!("{} {subject}", event["tenant"])
}
