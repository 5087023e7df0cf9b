//! The load of the benches: voice contacts of five events of about 300 bytes, 1,000 queues and 2,000 agents over ten
//! tenants, an hour of event time. Deterministic.

/// Events of a contact.
const STORY: [&str; 5] =
    ["contact.created", "contact.queued", "contact.answered", "contact.ended", "contact.wrapup_ended"];
/// Milliseconds from the contact's beginning to each of its events.
const AFTER_MS: [i64; 5] = [0, 800, 14_000, 254_000, 281_000];
/// First moment.
pub const START_MS: i64 = 1_767_571_200_000;
const HOUR_MS: i64 = 3_600_000;

/// An event: its key and its JSON.
pub struct LoadEvent {
    pub key: String,
    pub value: String,
}

/// `events` events in the order of time, about: contacts begin evenly over the hour and run side by side.
pub fn events(events: usize) -> impl Iterator<Item = LoadEvent> {
    let contacts = events / STORY.len();
    // Sorted by time without holding them all: step k of contact c comes AFTER_MS[k] after its beginning, so the five
    // streams are merged by their next moment.
    let begin_ms = move |contact: usize| contact as i64 * (HOUR_MS - 300_000) / contacts.max(1) as i64;
    let mut next = [0usize; STORY.len()];
    std::iter::from_fn(move || {
        let step = (0..STORY.len())
            .filter(|step| next[*step] < contacts)
            .min_by_key(|step| begin_ms(next[*step]) + AFTER_MS[*step])?;
        let contact = next[step];
        next[step] += 1;
        Some(event(contact, step, START_MS + begin_ms(contact) + AFTER_MS[step]))
    })
}

fn event(contact: usize, step: usize, time_ms: i64) -> LoadEvent {
    // A multiplicative hash spreads contacts over queues and agents.
    let spread = contact.wrapping_mul(2_654_435_761) >> 7;
    let queue = spread % 1_000;
    let tenant = queue % 10;
    // An agent works for one tenant and in one team: 200 agents and 20 teams a tenant.
    let of_tenant = (spread / 1_000) % 200;
    let (agent, team) = (of_tenant * 10 + tenant, of_tenant % 20);
    let key = format!("c-{contact:08}-7aa1-4c1e-9f00");
    let time = jiff::Timestamp::from_millisecond(time_ms).unwrap();
    let value = format!(
        concat!(
            r#"{{"id":"{:010}-{}-01JGTV8XQ4M3N0Z7","type":"{}","time":"{:.3}","source":"acd-eu-1/cluster-3","#,
            r#""tenant":"tenant-{}","contact_id":"{}","channel":"voice","queue":"queue-{:03}","#,
            r#""team":"team-{}","agent_id":"agent-{:04}","customer_id":"cu-{:07}","attributes":{{"trunk":"sip-{}"}}}}"#
        ),
        contact,
        step,
        STORY[step],
        time,
        tenant,
        key,
        queue,
        team,
        agent,
        contact % 500_000,
        contact % 9,
    );
    LoadEvent { key, value }
}
