//! Pictures of the page at the sizes that it is looked at, kept under `target/wallboard` for people to judge; and what
//! can be judged without them: nothing is cut, nothing overlaps, nothing scrolls sideways.

use super::Viewer;
use super::center::{Center, many};
use serde_json::Value;
use std::path::{Path, PathBuf};

const SIZES: [(&str, u32, u32, &str); 3] =
    [("tv", 1920, 1080, "?fullscreen=1"), ("laptop", 1366, 768, ""), ("phone", 390, 844, "")];

/// Texts that are cut, and figures that touch the next one. Names may be cut: they say so by an ellipsis.
const UNTIDY: &str = "
    const wrong = [];
    const text = (element) => element.closest('.tile')?.dataset.queue + ' ' + element.textContent.trim();
    for (const tile of document.querySelectorAll('.tile')) {
        const frame = tile.getBoundingClientRect();
        if (frame.bottom < 0 || frame.top > innerHeight) continue;
        for (const element of tile.querySelectorAll('dd, dt, li b, li span, strong, .plot')) {
            const box = element.getBoundingClientRect();
            if (box.width > 1 && (box.right > frame.right + 1 || box.bottom > frame.bottom + 1)) wrong.push('cut: ' + text(element));
        }
        for (const row of tile.querySelectorAll('dl')) {
            const ranges = [...row.querySelectorAll('dd')].map((dd) => {
                const range = document.createRange();
                range.selectNodeContents(dd);
                return [range.getBoundingClientRect(), dd];
            });
            ranges.forEach(([box, dd], at) => {
                const next = ranges[at + 1]?.[0];
                if (next && next.width > 0 && box.right > next.left) wrong.push('touches the next: ' + text(dd));
                if (box.right > frame.right) wrong.push('cut: ' + text(dd));
            });
        }
    }
    if (document.documentElement.scrollWidth > innerWidth) wrong.push('scrolls sideways');
    return wrong;
";

/// Each chart in sight is drawn, and as large as its place.
const CHARTS_FIT: &str = "[...document.querySelectorAll('.tile .plot')].filter((plot) => {
        const box = plot.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
    }).every((plot) => {
        const canvas = plot.querySelector('canvas')?.getBoundingClientRect();
        const box = plot.getBoundingClientRect();
        return canvas && Math.abs(canvas.width - box.width) <= 1 && Math.abs(canvas.height - box.height) <= 1;
    })";

fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("wallboard");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn nothing_is_cut_at_any_size() {
    let Some(viewer) = Viewer::start() else { return };
    let folder = pictures();
    let mut wrong = Vec::new();
    for number in [4, 12, 300] {
        let center = Center::open_with_past(&many(number));
        for (device, width, height, query) in SIZES {
            viewer.browser.size(width, height);
            for scheme in ["dark", "light"] {
                viewer.browser.prefer(scheme);
                let tiles = match (number, device) {
                    (300, "tv") => 12,
                    _ => number.min(40),
                };
                viewer.open(&format!("{}{query}", center.url()), tiles);
                viewer.browser.wait_for("charts in their places", CHARTS_FIT, super::LIMIT);
                let found = viewer.browser.run(UNTIDY, &[]);
                let found = found.as_array().unwrap().iter().filter_map(Value::as_str);
                let place = format!("{device}-{scheme}-{number}");
                wrong.extend(found.map(|what| format!("{place}: {what}")));
                viewer.browser.picture(&folder.join(format!("{place}.png")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
