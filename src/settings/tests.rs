//! Settings as a whole: layers, problems, redaction, resolved forms.

use super::draft::Draft;
use super::fields::known_keys;
use super::{Mode, Settings, SettingsError, StartFrom};
use crate::event::Channel;
use crate::kpi::groups::Dimension;
use crate::kpi::rules::Formula;
use crate::kpi::targets::Goal;
use crate::time::EventMs;
use std::io::Write;
use std::path::PathBuf;
use tempfile::NamedTempFile;

const DEFAULT_TOML: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml");

pub(super) fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

pub(super) fn load(texts: &[&str], variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let files: Vec<NamedTempFile> = texts.iter().map(|text| file(text)).collect();
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path().to_owned()).collect();
    Settings::load(&paths, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn nothing_written_gives_the_defaults_of_the_rooms() {
    let settings = load(&[], &[]).unwrap();
    assert_eq!(settings.print_redacted(), Settings::default().print_redacted());
    let mut fold = settings.fold_config();
    assert_ne!(fold.config_epoch, 0);
    fold.config_epoch = 0;
    assert_eq!(format!("{fold:?}"), format!("{:?}", crate::fold::FoldConfig::default()));
    let mut merge = settings.merge_config(Vec::new());
    assert_ne!(merge.hash_fingerprint, 0);
    (merge.config_epoch, merge.hash_fingerprint) = (0, 0);
    assert_eq!(format!("{merge:?}"), format!("{:?}", crate::merge::MergeConfig::default()));
    assert_eq!(settings.instance("pod_7.x/y"), "pod_7.x-y-9464");
}

#[test]
fn the_default_file_says_what_the_code_says() {
    let settings = Settings::load(&[PathBuf::from(DEFAULT_TOML)], std::iter::empty()).unwrap();
    let default = Settings::default();
    assert_eq!(settings.print_redacted(), default.print_redacted());
    assert_eq!(format!("{:?}", settings.fold_config()), format!("{:?}", default.fold_config()));
    let merge = |settings: &Settings| format!("{:?}", settings.merge_config(Vec::new()));
    assert_eq!(merge(&settings), merge(&default));
    assert_eq!(settings.config_epoch(), default.config_epoch());
}

#[test]
fn the_default_file_holds_every_key_with_a_comment_and_no_other() {
    let text = std::fs::read_to_string(DEFAULT_TOML).unwrap();
    let known = known_keys::<Draft>();
    let mut section = String::new();
    let mut written = Vec::new();
    let mut before = "";
    for line in text.lines() {
        let prose = line.starts_with("# ") || line == "#";
        let line_of_code = line.strip_prefix('#').unwrap_or(line);
        if !prose && line_of_code.starts_with('[') {
            section = line_of_code.trim_matches(['[', ']']).to_owned();
            written.push(section.clone());
        } else if let Some((key, _)) = line_of_code.split_once(" = ").filter(|_| !prose) {
            let path = format!("{section}.{key}");
            let of_table = section == "kafka.client" || known.contains(&format!("{section}.voice"));
            let is_first = !written.contains(&path);
            assert!(!is_first || of_table || before.starts_with("# "), "{path} has no comment");
            assert!(section == "kafka.client" || known.contains(&path), "{path} is not known");
            written.push(path);
        }
        before = line;
    }
    let absent: Vec<&String> = known.iter().filter(|key| !written.contains(key)).collect();
    assert!(absent.is_empty(), "not in the default file: {absent:?}");
}

#[test]
fn later_layers_go_over_earlier_ones() {
    let first = "[service]\nid = \"one\"\n[time]\ngrace = \"10s\"\n[time.max_age]\nvoice = \"1h\"";
    let second = "[service]\nid = \"two\"\n[time.max_age]\nchat = \"2h\"";
    let settings =
        load(&[first, second], &[("INTRADAY__SERVICE__ID", "three"), ("OTHER__SERVICE__ID", "x")]).unwrap();
    assert_eq!(settings.service.id, "three");
    let fold = settings.fold_config();
    assert_eq!(settings.merge_config(Vec::new()).grace_ms, 10_000);
    assert_eq!(fold.max_age_ms[usize::from(Channel::Voice.number())], 3_600_000);
    assert_eq!(fold.max_age_ms[usize::from(Channel::Chat.number())], 7_200_000);
    assert_eq!(fold.max_age_ms[usize::from(Channel::Video.number())], 8 * 3_600_000);
}

#[test]
fn the_environment_reaches_lists_numbers_words_and_client_properties() {
    let settings = load(
        &["[kafka.client]\nsecurity.protocol = \"plaintext\""],
        &[
            ("INTRADAY__KAFKA__BROKERS", "a:9092, b:9092"),
            ("INTRADAY__KAFKA__SHARDS", "16"),
            ("INTRADAY__KAFKA__CLIENT__SECURITY_PROTOCOL", "sasl_ssl"),
            ("INTRADAY__SERVICE__MODE", "none"),
            ("INTRADAY__SERVICE__START_FROM", "earliest"),
            ("INTRADAY__SERVICE__HDR", "false"),
            ("INTRADAY__SERVICE__INSTANCE", ""),
            ("INTRADAY__METRICS__INCLUDE", "agents,quantiles"),
            ("intraday__time__wrapup_timeout__voice", "3m"),
            ("ıntraday__x", "not ours"),
        ],
    )
    .unwrap();
    assert_eq!(settings.kafka.brokers, ["a:9092", "b:9092"]);
    assert_eq!(settings.kafka.shards, 16);
    assert_eq!(settings.kafka.client_properties()["security.protocol"], "sasl_ssl");
    assert_eq!((settings.service.mode, settings.service.start_from), (Mode::None, StartFrom::Earliest));
    assert_eq!(settings.service.instance, None);
    let merge = settings.merge_config(vec![("t".to_owned(), 3)]);
    assert!(merge.expose_agents && merge.include.quantiles && !merge.include.histograms && !merge.hdr);
    assert_eq!(merge.sources, [("t".to_owned(), 3)]);
    assert_eq!(settings.fold_config().wrapup_timeout_ms[usize::from(Channel::Voice.number())], 180_000);
}

#[test]
fn no_secret_is_shown_anywhere() {
    let (password, key) = (file("hunter2\n"), file("0123456789abcdef"));
    let text = format!(
        "[service]\nhash_key_file = {key:?}\n[kafka.client]\nsasl.username = \"reader\"\n\
         \"ssl.key.password\" = \"hunter3\"\nsasl.password_file = {password:?}\n\
         \"oauth.url\" = \"https://u:hunter4@h/\"\n\"ssl.key.pem\" = \"hunter5\"",
        key = key.path(),
        password = password.path(),
    );
    let settings = load(&[&text], &[]).unwrap();
    let properties = settings.kafka.client_properties();
    assert_eq!((&*properties["sasl.password"], &*properties["ssl.key.password"]), ("hunter2", "hunter3"));
    assert_eq!(settings.service.hash_key(), *b"0123456789abcdef");
    assert_eq!(settings.fold_config().hash_key, *b"0123456789abcdef");
    let shown = format!("{}{}{settings:?}", settings.print_redacted(), settings.to_json_redacted());
    let bytes = format!("{:?}", b"0123456789abcdef");
    for secret in ["hunter", "0123456789abcdef", &bytes[1..bytes.len() - 1]] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
    assert!(shown.contains("reader") && shown.contains("\"ssl.key.password\" = \"***\""), "{shown}");
    let direct = load(&["[service]\nhash_key = \"fedcba9876543210\""], &[]).unwrap();
    assert!(direct.print_redacted().contains("hash_key = \"***\""));
    // What the parser quotes may hold a secret too.
    let error = load(&["[kafka.client]\n\"sasl.password\" = hunter2"], &[]).unwrap_err().to_string();
    assert!(error.contains("line 2") && !error.contains("hunter"), "{error}");
    let error = load(&["[service]\nhash_key = \"hunter\""], &[]).unwrap_err().to_string();
    assert!(error.contains("service.hash_key") && !error.contains("hunter"), "{error}");
}

#[test]
fn what_is_printed_can_be_loaded_again_with_equal_result() {
    let text = "[service]\nid = \"x\"\nwithin = \"lt\"\n[kafka.client]\nsecurity.protocol = \"ssl\"\n\
        [[time.tenants]]\ntenant = \"acme \\\"q\\\"\"\ntimezone = \"Asia/Tokyo\"\n\
        [[metrics.announced]]\ntenant = \"acme\"\nchannel = \"voice\"\nqueue = \"vip\"\n\
        [[windows]]\nname = \"w\"\nkind = \"tumbling\"\nlength = \"30m\"\n\
        [[groups]]\ndimensions = [\"queue\", \"channel\"]\n\
        [[thresholds]]\ntenant = \"acme\"\nqueue = \"vip\"\nseconds = 2.5\nformula = \"positive\"\n\
        [[targets]]\nkpi = \"occupancy\"\nenabled = false\n\
        [[names]]\ntenant = \"acme\"\nqueue = \"vip\"\nname = \"Important \\\"customers\\\"\"\n\
        [[targets]]\nkpi = \"asa\"\nat_most = 30\nwarn = 40.5\n\
        from = 2026-01-31\nuntil = 2026-06-30\nbaseline = 60";
    let settings = load(&[text], &[]).unwrap();
    let again = load(&[&settings.print_redacted()], &[]).unwrap();
    assert_eq!(settings.print_redacted(), again.print_redacted());
    assert_eq!(format!("{:?}", settings.fold_config()), format!("{:?}", again.fold_config()));
    let merge = |settings: &Settings| format!("{:?}", settings.merge_config(Vec::new()));
    assert_eq!(merge(&settings), merge(&again));
}

#[test]
fn the_most_specific_threshold_and_formula_hold() {
    let text = "[[thresholds]]\ntenant = \"acme\"\nqueue = \"vip\"\nseconds = 10\n\
        [[thresholds]]\nchannel = \"voice\"\nseconds = 30.5\n\
        [[thresholds]]\nchannel = \"chat\"\nformula = \"offered\"\n\
        [[thresholds]]\ntenant = \"acme\"\nchannel = \"email\"\nseconds = \"none\"\n\
        [[thresholds]]\nformula = \"exclude_short\"";
    let settings = load(&[text], &[]).unwrap();
    let fold = settings.fold_config();
    let find = |tenant, channel, queue| fold.thresholds.find(tenant, channel, queue).flatten();
    assert_eq!(find("acme", Channel::Voice, "vip"), Some(10_000));
    assert_eq!(find("acme", Channel::Voice, "x"), Some(30_500));
    assert_eq!(find("other", Channel::Voice, "vip"), Some(30_500));
    assert_eq!(find("acme", Channel::Email, "x"), None);
    assert_eq!(find("other", Channel::Email, "x"), Some(7_200_000));
    // A row with a formula alone leaves the shipped threshold.
    assert_eq!(find("other", Channel::Chat, "x"), Some(60_000));
    let merge = settings.merge_config(Vec::new());
    assert_eq!(merge.formulas.find("a", Channel::Chat, ""), Some(Formula::Offered));
    assert_eq!(merge.formulas.find("a", Channel::Voice, ""), Some(Formula::ExcludeShort));
    let name = |dimension, name: &str| ("acme".to_owned(), dimension, name.to_owned());
    assert_eq!(fold.configured_names, [name(Dimension::Tenant, "acme"), name(Dimension::Queue, "vip")]);
}

#[test]
fn targets_are_added_to_the_shipped_ones_take_their_place_or_remove_them() {
    let text = "[[targets]]\nkpi = \"abandon_rate\"\nat_most = 0.03\n\
        [[targets]]\nkpi = \"utilization\"\nenabled = false\n\
        [[targets]]\nkpi = \"occupancy\"\nat_least = 0.5\n\
        [[targets]]\nkpi = \"asas\"\nchannel = \"voice\"\nat_most = 20\nuntil = \"2026-02-01\"";
    let settings = load(&[text], &[]).unwrap();
    let find = |kpi, channel| settings.targets.find(kpi, ("t", Some(channel), "q"), EventMs(0));
    assert_eq!(find("abandon_rate", Channel::Voice).unwrap().goal, Goal::AtMost(0.03));
    assert_eq!(find("service_level", Channel::Voice).unwrap().goal, Goal::AtLeast(0.8));
    assert_eq!(find("occupancy", Channel::Voice).unwrap().min_count, 0);
    assert!(find("utilization", Channel::Voice).is_none());
    let asa = find("asas", Channel::Voice).unwrap();
    assert_eq!((asa.min_count, asa.until), (10, Some(EventMs(1_769_904_000_000))));
    assert!(find("asas", Channel::Chat).is_none());
    let unknown = settings.unknown_target_kpis(&["abandon_rate", "utilization", "occupancy", "asa"]);
    assert_eq!(unknown.len(), 1);
    assert!(
        unknown[0].to_string().ends_with("targets[3].kpi: \"asas\" is not a known KPI; the nearest is asa")
    );
}

#[test]
fn the_epoch_follows_what_shapes_measures_and_nothing_else() {
    let epoch = |text: &str| load(&[text], &[]).unwrap().config_epoch();
    let default = epoch("");
    for text in [
        "[[thresholds]]\nseconds = 7",
        "[service]\nwithin = \"lt\"",
        "[time]\nshort_abandon = \"6s\"",
        "[time.wrapup_timeout]\nvoice = \"1m\"",
        "[time]\nallowed_lateness = \"2h\"",
        "[[windows]]\nname = \"day\"\nkind = \"day\"",
        "[[groups]]",
        "[limits]\nmax_names = 7",
        "[time]\ntimezone = \"Asia/Tokyo\"",
    ] {
        assert_ne!(epoch(text), default, "{text}");
    }
    for text in [
        "[[targets]]\nkpi = \"asa\"\nat_most = 7",
        "[http]\nlisten = \"0.0.0.0:1\"",
        "[kafka]\nbrokers = [\"b\"]",
        "[service]\nid = \"x\"\nhash_key = \"0123456789abcdef\"",
        "[time]\npublish_interval = \"1s\"",
        "[metrics]\ninclude = [\"agents\"]",
        "[limits]\nmax_series = 1000",
    ] {
        assert_eq!(epoch(text), default, "{text}");
    }
}

#[test]
fn calendars_of_tenants_take_what_they_leave_out_from_the_rest() {
    let text = "[time]\ntimezone = \"Asia/Tokyo\"\nreset_hour = 5\n\
        [[time.tenants]]\ntenant = \"acme\"\nreset_hour = 0";
    let merge = load(&[text], &[]).unwrap().merge_config(Vec::new());
    assert_eq!(merge.calendar.zone_name(), "Asia/Tokyo");
    assert_eq!(merge.tenant_calendars["acme"].zone_name(), "Asia/Tokyo");
    assert_eq!(merge.calendar.day_of(EventMs(0)).start, EventMs(-4 * 3_600_000));
    assert_eq!(merge.tenant_calendars["acme"].day_of(EventMs(0)).start, EventMs(-9 * 3_600_000));
}
