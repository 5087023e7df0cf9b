//! Who may name whom: the direction of imports between rooms, the crates that one room keeps to itself, and
//! the rooms that may read a clock.
//!
//! The tables here are the architecture; to let a room use another is to change them, knowingly.

use super::Finding;
use super::paths::{self, Path};
use super::source::Source;

/// What every room below the shell may use, from the left to the right.
const CORE: [&str; 9] = ["pipeline", "fold", "merge", "kpi", "measure", "event", "time", "ids", "fault"];

/// Each room with the rooms that it may use besides those of [`CORE`] from the given place on.
const ROOMS: [(&str, &[&str], usize); 19] = [
    ("main", &["app", "kafka", "http", "simulate", "settings", "telemetry", "vitals", "shutdown"], 0),
    ("lib", &[], CORE.len()),
    ("app", &["kafka", "http", "simulate", "settings", "telemetry", "vitals", "shutdown"], 0),
    ("kafka", &[], 0),
    ("http", &["vitals"], 0),
    ("simulate", &[], 0),
    ("settings", &[], 0),
    ("telemetry", &[], 0),
    ("vitals", &[], 0),
    ("shutdown", &[], 0),
    ("pipeline", &[], 1),
    ("fold", &[], 3),
    ("merge", &[], 3),
    ("kpi", &[], 4),
    ("measure", &[], 5),
    ("event", &[], 6),
    ("time", &[], 7),
    ("ids", &[], CORE.len()),
    ("fault", &[], CORE.len()),
];

/// Crates that only the named rooms may name, so that what they bring stays behind one door.
const KEPT: [(&str, &[&str]); 4] = [
    ("rdkafka", &["kafka"]),
    ("prometheus", &["http", "vitals"]),
    ("hdrhistogram", &["measure"]),
    ("config", &["settings"]),
];

/// The rooms that may read a clock; to all others time is an argument.
const CLOCKED: [&str; 3] = ["app", "kafka", "http"];

/// The types whose `now` reads a clock.
const CLOCKS: [&str; 4] = ["Instant", "SystemTime", "Timestamp", "Zoned"];

/// Imports against the direction of the rooms. Test code may use `simulate` besides.
pub fn imports(source: &Source) -> Vec<Finding> {
    let own = source.room();
    let Some(&(_, extra, from)) = ROOMS.iter().find(|(room, ..)| *room == own) else {
        let remedy = "move it into a room, or give it a row in tests/it/tidy/rooms.rs";
        return vec![Finding::new(source, 1, format!("src/{own} is no room of the architecture; {remedy}"))];
    };
    let mut found = Vec::new();
    for path in paths::paths(source) {
        let Some(used) = room_of(source, &path) else { continue };
        let known = ROOMS.iter().any(|(room, ..)| *room == used);
        let tested = path.test && used == "simulate";
        let allowed = used == own || tested || extra.contains(&used) || CORE[from..].contains(&used);
        if !known {
            let remedy = "name the room that the item lives in";
            found.push(Finding::new(
                source,
                path.line,
                format!("{own} names crate::{used}, which is no room; {remedy}"),
            ));
        } else if !allowed {
            let remedy = "move what is shared to a room that both may use, or hand it in as a value";
            found.push(Finding::new(source, path.line, format!("{own} may not know {used}; {remedy}")));
        }
    }
    found
}

/// Crates named outside of the rooms that keep them.
pub fn crates(source: &Source) -> Vec<Finding> {
    let all = paths::paths(source);
    let mut found = Vec::new();
    for (name, rooms) in KEPT {
        let shadowed = shadows(source, &all, name);
        if rooms.contains(&source.room()) || shadowed {
            continue;
        }
        for path in all.iter().filter(|path| path.parts.first() == Some(&name)) {
            let keepers = rooms.join(" and ");
            let remedy = format!("ask {keepers} for a plain value");
            found.push(Finding::new(source, path.line, format!("only {keepers} may name {name}; {remedy}")));
        }
    }
    found
}

/// Clocks read outside of the rooms that may; test code may measure itself.
pub fn clocks(source: &Source) -> Vec<Finding> {
    if CLOCKED.contains(&source.room()) {
        return Vec::new();
    }
    let reads =
        |path: &Path<'_>| path.parts.windows(2).any(|pair| CLOCKS.contains(&pair[0]) && pair[1] == "now");
    let all = paths::paths(source);
    let found = all.iter().filter(|path| !path.test && reads(path));
    found
        .map(|path| {
            let name = path.parts.join("::");
            Finding::new(
                source,
                path.line,
                format!("{name} reads a clock in {}; take the time as an argument", source.room()),
            )
        })
        .collect()
}

/// The room that a path leads to, where it begins at the crate's root or climbs to it.
fn room_of<'a>(source: &Source, path: &Path<'a>) -> Option<&'a str> {
    let root = match *path.parts.first()? {
        "crate" => 1,
        "intraday" if source.room() == "main" => 1,
        "super" | "self" => climb(source, path)?,
        _ => return None,
    };
    let room = *path.parts.get(root)?;
    let is_module = room.starts_with(|c: char| c.is_ascii_lowercase()) && !matches!(room, "self" | "super");
    is_module.then_some(room)
}

/// The place after the `super`s, where they climb to the crate's root.
fn climb(source: &Source, path: &Path<'_>) -> Option<usize> {
    let place = path.parts.iter().position(|part| !matches!(*part, "super" | "self"))?;
    let climbed = path.parts[..place].iter().filter(|part| **part == "super").count();
    (climbed > 0 && climbed == source.module.len() + path.depth).then_some(place)
}

/// True where the file has a module or an import of its own that is called like the crate.
fn shadows(source: &Source, all: &[Path<'_>], name: &str) -> bool {
    let imported =
        all.iter().any(|path| path.used && path.parts.len() > 1 && path.parts.last() == Some(&name));
    let judged = source.judged();
    imported || judged.windows(2).any(|pair| pair[0].token.text == "mod" && pair[1].token.text == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Source::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn imports_go_from_left_to_right_only() {
        assert_eq!(lines(imports, "src/fold/a.rs", "use crate::time::B;\nuse crate::{ids, merge::C};"), [2]);
        assert_eq!(lines(imports, "src/time/mod.rs", "fn a() {\n    crate::event::decode();\n}"), [2]);
        assert_eq!(lines(imports, "src/kafka/mod.rs", "use crate::http::Board;"), [1]);
        assert_eq!(lines(imports, "src/kafka/mod.rs", "use crate::vitals::Vitals;"), [1]);
        assert_eq!(lines(imports, "src/settings/mod.rs", "use crate::app::App;"), [1]);
        assert_eq!(
            lines(imports, "src/http/mod.rs", "use crate::vitals::Vitals;\nuse crate::kpi::A;"),
            [0; 0]
        );
        assert_eq!(lines(imports, "src/main.rs", "use intraday::app;"), [0; 0]);
    }

    #[test]
    fn climbing_out_of_a_room_is_importing() {
        assert_eq!(lines(imports, "src/fold/a.rs", "use super::b;\nuse super::super::merge::C;"), [2]);
        assert_eq!(lines(imports, "src/ids.rs", "use super::time;\nmod t {\n    use super::A;\n}"), [1]);
    }

    #[test]
    fn tests_may_use_the_simulated_center_and_nothing_else_above_them() {
        let text = "#[cfg(test)]\nmod t {\n    use crate::simulate::A;\n    use crate::app::B;\n}\nuse crate::simulate;";
        assert_eq!(lines(imports, "src/fold/a.rs", text), [4, 6]);
    }

    #[test]
    fn a_room_must_be_one_of_the_architecture() {
        assert_eq!(lines(imports, "src/misc.rs", ""), [1]);
        assert_eq!(lines(imports, "src/fold/a.rs", "use crate::misc::B;"), [1]);
        assert_eq!(lines(imports, "src/fold/a.rs", "use crate::Misc;"), [0; 0]);
    }

    #[test]
    fn kept_crates_are_named_by_their_keepers_only() {
        assert_eq!(lines(crates, "src/app/mod.rs", "use rdkafka::A;\nfn b(c: prometheus::D) {}"), [1, 2]);
        assert_eq!(lines(crates, "src/kpi/mod.rs", "use ::hdrhistogram as h;"), [1]);
        assert_eq!(lines(crates, "src/fold/a.rs", "use config::Config;"), [1]);
        assert_eq!(lines(crates, "src/fold/a.rs", "use super::config;\nfn a(b: config::C) {}"), [0; 0]);
        assert_eq!(lines(crates, "src/fold/mod.rs", "pub mod config;\npub use config::C;"), [0; 0]);
        assert_eq!(lines(crates, "src/settings/a.rs", "use config::Config;"), [0; 0]);
    }

    #[test]
    fn clocks_are_read_by_the_shell_only() {
        assert_eq!(
            lines(clocks, "src/merge/a.rs", "let a = std::time::Instant::now();\njiff::Zoned::now()"),
            [1, 2]
        );
        assert_eq!(lines(clocks, "src/merge/a.rs", "let a = map(SystemTime::now);"), [1]);
        assert_eq!(lines(clocks, "src/http/a.rs", "let a = Instant::now();"), [0; 0]);
        assert_eq!(lines(clocks, "src/merge/a.rs", "#[test]\nfn a() {\n    Instant::now();\n}"), [0; 0]);
    }
}
