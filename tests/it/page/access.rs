//! The page for those who use a keyboard or a screen reader, judged by hand and by axe.

use super::center::{Center, Queue, many};
use super::{LIMIT, Viewer};
use crate::harness::browser::{ENTER, ESCAPE, TAB};
use crate::harness::npm::Archive;
use crate::harness::provision::present;
use serde_json::{Value, json};
use std::fs;

const AXE: Archive = Archive {
    name: "axe-core",
    version: "4.14.1",
    sha256: "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
};

#[test]
fn the_keyboard_reaches_everything() {
    let Some(viewer) = Viewer::start() else { return };
    let center = Center::open(&[Queue::new("billing"), Queue::in_trouble("sales", 10, 9)]);
    viewer.open(&center.url(), 2);
    let browser = &viewer.browser;
    // What can be used at all: all of it must come by, in the order in which it stands.
    let usable = "[...document.querySelectorAll('a, button, select, input, summary')].filter((e) => e.checkVisibility())";
    let wanted = browser.text(&format!("{usable}.length"));
    let wanted: usize = wanted.parse().unwrap();
    assert!(wanted >= 10, "{wanted}");
    browser.run(&format!("window.usable = {usable}; window.seen = [];"), &[]);
    for _ in 0..wanted {
        browser.press(TAB, false);
        let shown = browser.run(
            "const active = document.activeElement; seen.push(usable.indexOf(active)); \
             const style = getComputedStyle(active); \
             return [active.matches(':focus-visible'), parseFloat(style.outlineWidth), style.outlineStyle];",
            &[],
        );
        assert_eq!((&shown[0], &shown[2]), (&json!(true), &json!("solid")), "the focus is not seen: {shown}");
        assert!(shown[1].as_f64().unwrap() >= 2.0, "{shown}");
    }
    let seen: Vec<i64> = serde_json::from_value(browser.run("return seen;", &[])).unwrap();
    assert_eq!(seen, (0..wanted as i64).collect::<Vec<_>>());

    // A queue is opened, closed and left by keys; the focus comes back, also when figures have moved meanwhile.
    browser.run("document.querySelector('[data-queue=sales] .name').focus();", &[]);
    browser.press(ENTER, false);
    browser.wait_for("the dialog", "document.getElementById('detail').open", LIMIT);
    assert_eq!(browser.text("document.getElementById('detail').contains(document.activeElement)"), "true");
    browser.press(ESCAPE, false);
    browser.wait_for("its end", "!document.getElementById('detail').open", LIMIT);
    assert_eq!(browser.text("document.activeElement.closest('.tile').dataset.queue"), "sales");
    browser.run("document.querySelector('.skip').focus();", &[]);
    browser.press(ENTER, false);
    assert_eq!(browser.text("document.activeElement.id"), "queues");
}

#[test]
fn what_has_the_focus_does_not_run_away() {
    let Some(viewer) = Viewer::start() else { return };
    let mut center = Center::open(&[Queue::new("billing"), Queue::in_trouble("sales", 10, 9)]);
    viewer.open(&center.url(), 2);
    assert_eq!(viewer.order(), ["sales", "billing"]);
    viewer.browser.run("document.querySelector('[data-queue=billing] .name').focus();", &[]);
    center.put(&Queue::in_trouble("billing", 60, 40));
    let missed = "document.querySelector('[data-queue=billing]').dataset.status === 'missed'";
    viewer.browser.wait_for("the new figures", missed, LIMIT);
    std::thread::sleep(std::time::Duration::from_secs(7));
    assert_eq!(viewer.order(), ["sales", "billing"], "moved under the focus");
    assert_eq!(viewer.browser.text("document.activeElement.closest('.tile')?.dataset.queue"), "billing");
    viewer.browser.run("document.activeElement.blur();", &[]);
    let first = "document.querySelector('.tile').dataset.queue === 'billing'";
    viewer.browser.wait_for("the worst first once nobody holds it", first, LIMIT);
}

#[test]
fn axe_finds_nothing() {
    let Some(viewer) = Viewer::start() else { return };
    let Some(axe) = present(AXE.file("axe.min.js")) else { return };
    let axe = fs::read_to_string(axe).unwrap();
    let mut center = Center::open(&many(12));
    let browser = &viewer.browser;
    for scheme in ["dark", "light"] {
        browser.prefer(scheme);
        for (width, height, query) in [(1920, 1080, "?fullscreen=1"), (1366, 768, ""), (390, 844, "")] {
            browser.size(width, height);
            viewer.open(&format!("{}{query}", center.url()), 12);
            browser.run(&axe, &[]);
            let place = format!("{scheme} at {width}x{height}");
            hold(&viewer, &place);
            browser.run("document.querySelector('.foot details').open = true; document.querySelector('.tile .name').click();", &[]);
            browser.wait_for("the dialog", "document.getElementById('detail').open", LIMIT);
            hold(&viewer, &format!("{place} with the dialog"));
        }
        center.stop();
        viewer.wait_for_health("lost");
        browser.run("document.getElementById('detail').close();", &[]);
        hold(&viewer, &format!("{scheme}, disconnected"));
        center.start();
        center.put_all(&many(12));
    }
}

/// Fails with what axe finds against WCAG 2.2 at level AA and its good practices.
fn hold(viewer: &Viewer, place: &str) {
    // Colours change over some tenths of a second; axe is to see where they end.
    let settle = "document.getAnimations().forEach((animation) => animation.finish());";
    viewer.browser.run(settle, &[]);
    let script = "const done = arguments[0]; axe.run(document, { resultTypes: ['violations', 'passes'] })\
                  .then((found) => done({ passes: found.passes.length, violations: found.violations.map((one) => \
                  one.id + ': ' + one.help + ': ' + one.nodes.slice(0, 4).map((node) => node.target.join(' ') + ' ' + \
                  node.any.map((check) => check.message).join(' ')).join('; ')) }), (error) => done({ error: String(error) }));";
    let found = viewer.browser.run_later(script, &[]);
    assert_eq!(found["error"], Value::Null, "{place}");
    assert!(found["passes"].as_u64().unwrap() > 15, "{place}: {found}");
    let violations = found["violations"].as_array().unwrap();
    let told: Vec<&str> = violations.iter().filter_map(Value::as_str).collect();
    assert!(told.is_empty(), "{place}:\n{}", told.join("\n"));
}
