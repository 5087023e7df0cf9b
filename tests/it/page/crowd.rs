//! Three hundred queues: filter, order, pages, rotation, and what the browser has to do for it.

use super::center::{Center, Queue, many};
use super::{LIMIT, Viewer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const QUEUES: usize = 300;

#[test]
fn a_crowd_is_filtered_ordered_and_paged() {
    let Some(viewer) = Viewer::start() else { return };
    let mut queues = many(QUEUES);
    queues[123] =
        Queue { name: Some("The worst of all".to_owned()), ..Queue::in_trouble("queue_123", 70, 60) };
    let center = Center::open(&queues);
    viewer.open(&center.url(), 40);
    let browser = &viewer.browser;
    // The worst first, whatever its name; and no more in the page than it shows.
    assert_eq!(viewer.order()[0], "queue_123");
    assert_eq!(
        browser.text("document.getElementById('page-text').textContent"),
        "Page 1 of 8: queues 1 to 40 of 300"
    );
    browser.run("document.getElementById('after').click();", &[]);
    browser.wait_for(
        "the second page",
        "document.getElementById('page-text').textContent.startsWith('Page 2 of 8')",
        LIMIT,
    );
    assert!(!viewer.order().contains(&"queue_123".to_owned()));

    // A part of the display name, then also the tenant; both stand in the address.
    browser.run("document.querySelector('[name=queue]').focus();", &[]);
    browser.type_text("motor");
    let all = |test: &str| {
        format!(
            "document.querySelectorAll('.tile').length > 0 && [...document.querySelectorAll('.tile')].every((tile) => {test})"
        )
    };
    browser.wait_for("only motor claims", &all("tile.textContent.includes('motor')"), LIMIT);
    let motor = viewer.order().len();
    assert_eq!(motor, queues.iter().filter(|queue| queue.name.as_deref().unwrap().contains("motor")).count());
    choose(&viewer, "tenant", "zeta");
    browser.wait_for("only those of zeta", &all("tile.dataset.tenant === 'zeta'"), LIMIT);
    assert!(viewer.order().len() < motor);
    assert_eq!(browser.text("location.search"), "?tenant=zeta&queue=motor");
    assert!(browser.text("document.getElementById('said').textContent").ends_with("queues shown"));
    browser.run("history.go(0);", &[]);
    browser.wait_for(
        "the same after a reload",
        &all("tile.dataset.tenant === 'zeta' && tile.textContent.includes('motor')"),
        LIMIT,
    );
}

#[test]
fn a_crowd_is_put_in_order() {
    let Some(viewer) = Viewer::start() else { return };
    let mut queues = many(QUEUES);
    queues[123] = Queue::in_trouble("queue_123", 70, 60);
    let center = Center::open(&queues);
    let browser = &viewer.browser;
    viewer.open(&format!("{}?sort=name&size=10", center.url()), 10);
    let names = "[...document.querySelectorAll('.tile .name')].map((name) => name.textContent)";
    let names: Vec<String> = serde_json::from_value(browser.run(&format!("return {names};"), &[])).unwrap();
    assert!(names.is_sorted() && names[0] == "Billing", "{names:?}");
    choose(&viewer, "sort", "waiting");
    browser.wait_for(
        "most waiting first",
        "document.querySelector('.tile').dataset.queue === 'queue_123'",
        LIMIT,
    );
    choose(&viewer, "sort", "service_level");
    let levels = "[...document.querySelectorAll('.tile [data-field=service_level]')].map((level) => Number(level.textContent))";
    browser.wait_for(
        "lowest level first",
        &format!("{levels}.every((level, at, all) => at === 0 || all[at - 1] <= level)"),
        LIMIT,
    );

    choose(&viewer, "tenant", "");
    browser.run("const field = document.querySelector('[name=queue]'); field.value = 'nobody'; field.dispatchEvent(new Event('input', { bubbles: true }));", &[]);
    browser.wait_for(
        "a word for nothing",
        "document.getElementById('empty').innerText === 'No queue matches the filter.'",
        LIMIT,
    );
}

#[test]
fn a_screen_on_a_wall_turns_its_pages() {
    let Some(viewer) = Viewer::start() else { return };
    let center = Center::open(&many(QUEUES));
    viewer.browser.size(1920, 1080);
    viewer.open(&format!("{}?fullscreen=1&rotate=3&size=12", center.url()), 12);
    let scrolls = "document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth";
    assert_eq!(viewer.browser.text(scrolls), "false");
    // Noted in the page itself: a busy machine may look here only every few seconds.
    let note = "window.turned = []; new MutationObserver(() => turned.push(parseInt(document.getElementById('page-text')\
                .textContent.slice(5)))).observe(document.getElementById('page-text'), { childList: true, characterData: true, subtree: true });";
    viewer.browser.run(note, &[]);
    viewer.browser.wait_for("three turns", "window.turned.length >= 3", LIMIT);
    let turned: Vec<i64> = serde_json::from_value(viewer.browser.run("return turned;", &[])).unwrap();
    assert!(turned.windows(2).all(|pair| pair[1] == pair[0] % 25 + 1), "{turned:?}");
    viewer.browser.run("document.getElementById('pause').click();", &[]);
    let paused = viewer.browser.text("document.getElementById('page-text').textContent");
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(viewer.browser.text("document.getElementById('page-text').textContent"), paused);
    viewer.browser.press(crate::harness::browser::ESCAPE, false);
    viewer.browser.wait_for("the page with its form", "!document.body.classList.contains('kiosk')", LIMIT);
    assert_eq!(viewer.browser.text("location.search"), "?rotate=3&size=12");
}

#[test]
fn a_crowd_is_light_on_the_browser() {
    let Some(viewer) = Viewer::start() else { return };
    let queues = many(QUEUES);
    let mut center = Center::open(&queues);
    let url = center.url();
    // Every queue has a new record each second, as live windows have.
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let feeding = std::thread::spawn(move || {
        let mut round = 0;
        while !stopped.load(Ordering::Relaxed) {
            round += 1;
            for queue in &queues {
                center.put(&Queue { waiting: queue.waiting + round % 3, ..queue.clone() });
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        center
    });
    for (width, height, query) in [(1366, 768, ""), (1920, 1080, "?fullscreen=1&rotate=5"), (390, 844, "")] {
        viewer.browser.size(width, height);
        viewer.browser.open(&format!("{url}{query}"));
        viewer.browser.wait_for("figures", "document.querySelector('.tile[data-status]') !== null", LIMIT);
        std::thread::sleep(Duration::from_secs(3));
        let spent = spent_over(&viewer, Duration::from_secs(10));
        let tiles = number(&viewer, "document.querySelectorAll('.tile').length");
        let canvases = number(&viewer, "document.querySelectorAll('canvas').length");
        println!(
            "300 queues at {width}x{height}: {:.0} ms of the main thread's CPU a second, {:.0} of it scripts, \
             {:.1} layouts a second, {tiles} tiles, {canvases} charts",
            spent[0], spent[1], spent[2]
        );
        // Work follows what is seen, not how many queues there are.
        assert!(tiles <= 40.0 && canvases <= 3.0 * tiles, "{tiles} tiles, {canvases} charts");
        assert!(spent[2] < 12.0, "{} layouts a second", spent[2]);
    }
    // Only what can be seen has charts.
    let canvases = number(&viewer, "document.querySelectorAll('canvas').length");
    assert!(canvases <= 24.0, "{canvases} charts on a phone");
    stop.store(true, Ordering::Relaxed);
    drop(feeding.join().unwrap());
}

/// CPU time of the main thread, of its scripts, in milliseconds a second; layouts a second.
fn spent_over(viewer: &Viewer, span: Duration) -> [f64; 3] {
    viewer.browser.devtools("Performance.enable", &json!({"timeDomain": "threadTicks"}));
    let read = || {
        let metrics = viewer.browser.devtools("Performance.getMetrics", &json!({}));
        let of = |name: &str| {
            let all = metrics["metrics"].as_array().unwrap();
            all.iter()
                .find(|metric| metric["name"] == name)
                .and_then(|metric| metric["value"].as_f64())
                .unwrap()
        };
        [1_000.0 * of("TaskDuration"), 1_000.0 * of("ScriptDuration"), of("LayoutCount")]
    };
    let before = read();
    std::thread::sleep(span);
    let after = read();
    viewer.browser.devtools("Performance.disable", &json!({}));
    [0, 1, 2].map(|at| (after[at] - before[at]) / span.as_secs_f64())
}

fn number(viewer: &Viewer, expression: &str) -> f64 {
    viewer.browser.run(&format!("return {expression};"), &[]).as_f64().unwrap()
}

fn choose(viewer: &Viewer, field: &str, value: &str) {
    let script = "const field = document.querySelector(`[name=${arguments[0]}]`); field.value = arguments[1]; \
                  field.dispatchEvent(new Event('input', { bubbles: true })); return field.value;";
    let chosen = viewer.browser.run(script, &[json!(field), json!(value)]);
    assert_eq!(chosen, Value::from(value), "{field} has no choice {value}");
}
