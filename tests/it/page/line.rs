//! The line to the server: what a viewer is told when it is gone, and how the page finds back.

use super::center::{Center, Queue};
use super::{LIMIT, Viewer};
use serde_json::Value;

#[test]
fn a_lost_server_is_told_and_found_again() {
    let Some(viewer) = Viewer::start() else { return };
    let queues = [Queue::new("billing"), Queue::in_trouble("sales", 10, 9)];
    let mut center = Center::open(&queues);
    viewer.open(&center.url(), 2);
    viewer.wait_for_health("live");
    viewer.browser.run("window.notReloaded = true;", &[]);
    let colour =
        "getComputedStyle(document.querySelector('[data-queue=sales] [data-field=service_level]')).color";
    let live_colour = viewer.browser.text(colour);

    center.stop();
    viewer.wait_for_health("lost");
    let banner = viewer.browser.text("document.getElementById('banner').innerText");
    assert!(
        banner.starts_with("Disconnected since ") && banner.contains("figures are those of then"),
        "{banner}"
    );
    let banner_role = "document.getElementById('banner-text').getAttribute('role')";
    assert_eq!(viewer.browser.text(banner_role), "status");
    // The figures stay, grey, and the clock of the oldest wait stands still.
    assert_eq!(
        (viewer.field("billing", "waiting"), viewer.field("sales", "service_level")),
        ("2".into(), "70.0".into())
    );
    assert_ne!(viewer.browser.text(colour), live_colour);
    let oldest = || viewer.field("billing", "oldest");
    viewer.browser.wait_for("a second try", "window.wallboard.feed.attempt >= 2", LIMIT);
    let still = oldest();
    viewer.browser.wait_for("a third try", "window.wallboard.feed.attempt >= 3", LIMIT);
    assert_eq!(oldest(), still);

    // A restarted server knows nothing at first: what was known stays until it is told anew.
    center.start();
    viewer.browser.wait_for("a line", "window.wallboard.feed.state === 'live'", LIMIT);
    assert_eq!(viewer.field("billing", "waiting"), "2");
    center.put(&Queue { waiting: 5, ..Queue::new("billing") });
    let fresh = "document.querySelector('[data-queue=billing] [data-field=waiting]').textContent === '5'";
    viewer.browser.wait_for("the new figure", fresh, LIMIT);
    viewer.wait_for_health("live");
    assert_eq!(
        viewer.browser.run("return document.getElementById('banner').hidden;", &[]),
        Value::Bool(true)
    );
    assert_eq!(viewer.browser.text(colour), live_colour);
    assert_eq!(viewer.browser.text("window.notReloaded"), "true");
}

#[test]
fn old_figures_and_a_service_that_is_not_ready_are_told() {
    let Some(viewer) = Viewer::start() else { return };
    let mut center = Center::open(&[]);
    center.put_aged(&Queue::new("stuck"), 400_000);
    viewer.open(&center.url(), 1);
    viewer.wait_for_health("stale");
    let banner = || viewer.browser.text("document.getElementById('banner').innerText");
    assert!(banner().starts_with("No new figures since "), "{}", banner());

    // One queue of another shard moves: the page is live, and the other queue is marked on its own.
    center.put(&Queue::new("moving"));
    viewer.wait_for_health("live");
    viewer.wait_for_tiles(2);
    let old = "document.querySelector('[data-queue=stuck]').dataset.old === '1' && \
               document.querySelector('[data-queue=moving]').dataset.old === undefined";
    viewer.browser.wait_for("the mark of the old one", old, LIMIT);
    assert_eq!(viewer.field("stuck", "age"), "7minold");

    center.ready(Some("restoring partials/3"));
    viewer.wait_for_health("unready");
    assert!(banner().contains("merge-0: restoring partials/3"), "{}", banner());
    center.ready(None);
    viewer.wait_for_health("live");
}
