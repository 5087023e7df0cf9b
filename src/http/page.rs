//! The wallboard at `/`: one page with its styles, scripts and chart library, all built into the program.
//!
//! It asks the API and the stream like any other client and loads nothing from elsewhere. Scripts are modules as they
//! stand in `page/`, so that no tool is needed to build them; `page/vendor/` holds the library as it was released.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// What the page loads: name below `/assets/`, content type, content.
const ASSETS: &[(&str, &str, &str)] = &[
    ("theme.css", STYLE, include_str!("page/theme.css")),
    ("board.css", STYLE, include_str!("page/board.css")),
    ("tile.css", STYLE, include_str!("page/tile.css")),
    ("uplot.css", STYLE, include_str!("page/vendor/uPlot.min.css")),
    ("uplot.js", SCRIPT, include_str!("page/vendor/uPlot.iife.min.js")),
    ("main.js", SCRIPT, include_str!("page/main.js")),
    ("feed.js", SCRIPT, include_str!("page/feed.js")),
    ("queues.js", SCRIPT, include_str!("page/queues.js")),
    ("health.js", SCRIPT, include_str!("page/health.js")),
    ("wishes.js", SCRIPT, include_str!("page/wishes.js")),
    ("words.js", SCRIPT, include_str!("page/words.js")),
    ("wall.js", SCRIPT, include_str!("page/wall.js")),
    ("tile.js", SCRIPT, include_str!("page/tile.js")),
    ("charts.js", SCRIPT, include_str!("page/charts.js")),
    ("detail.js", SCRIPT, include_str!("page/detail.js")),
    ("icon.svg", PICTURE, include_str!("page/icon.svg")),
];

/// GET /
pub async fn page() -> Html<&'static str> {
    Html(include_str!("page/page.html"))
}

/// GET /assets/{file}
pub async fn asset(Path(file): Path<String>) -> Response {
    match ASSETS.iter().find(|(name, _, _)| *name == file) {
        Some((_, kind, content)) => ([(header::CONTENT_TYPE, *kind)], *content).into_response(),
        None => (StatusCode::NOT_FOUND, "no such asset; / names those that there are\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::guard::ROUTES;
    use std::collections::BTreeSet;

    const PAGE: &str = include_str!("page/page.html");

    #[test]
    fn the_page_lists_every_address() {
        for route in ROUTES {
            let listed = PAGE.contains(&format!("\"{route}\"")) || ["/", "/assets/"].contains(route);
            assert!(listed, "{route} is not on the page");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_or_run_inline() {
        let own = ASSETS.iter().filter(|(name, _, _)| !name.starts_with("uplot"));
        for (name, content) in own.map(|(name, _, content)| (*name, *content)).chain([("page", PAGE)]) {
            let content = content.replace("http://www.w3.org/2000/svg", "");
            assert!(!content.contains("http:") && !content.contains("https:"), "{name}");
            assert!(!content.contains("innerHTML") && !content.contains("eval("), "{name}");
        }
        // The content security policy runs nothing inline.
        assert!(!PAGE.contains("<script>") && !PAGE.contains("style=") && !PAGE.contains("onclick"));
        assert!(!PAGE.contains("<style"));
    }

    #[test]
    fn assets_are_what_the_page_and_its_scripts_ask_for() {
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        for part in PAGE.split("\"/assets/").skip(1) {
            asked.extend(part.split('"').next());
        }
        for (_, kind, content) in ASSETS.iter().filter(|(name, _, _)| *name != "uplot.js") {
            if *kind == SCRIPT {
                asked.extend(content.split("from \"./").skip(1).filter_map(|part| part.split('"').next()));
            }
        }
        let named: BTreeSet<&str> = ASSETS.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(asked, named);
    }

    #[test]
    fn the_chart_library_keeps_its_licence() {
        assert!(include_str!("page/vendor/uPlot.LICENSE").starts_with("The MIT License"));
        assert!(include_str!("page/vendor/uPlot.iife.min.js").contains("1.6.32"));
    }
}
