//! The page at `/`: the addresses and a live table, from files built into the program.
//!
//! It asks the API and stream like any other client and loads nothing from elsewhere.

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

/// GET /
pub async fn page() -> Html<&'static str> {
    Html(include_str!("page/page.html"))
}

/// GET /page.css
pub async fn style() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("page/page.css")).into_response()
}

/// GET /page.js
pub async fn script() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("page/page.js")).into_response()
}

#[cfg(test)]
mod tests {
    use crate::http::guard::ROUTES;

    #[test]
    fn the_page_lists_every_address_and_loads_nothing_from_elsewhere() {
        let page = include_str!("page/page.html");
        for route in ROUTES {
            assert!(page.contains(&format!("\"{route}\"")) || *route == "/", "{route} is not on the page");
        }
        for file in [page, include_str!("page/page.js"), include_str!("page/page.css")] {
            assert!(!file.contains("http:") && !file.contains("https:") && !file.contains("innerHTML"));
        }
        // The content security policy runs nothing inline.
        assert!(!page.contains("<script>") && !page.contains("style=") && !page.contains("onclick"));
    }
}
