//! The metric families of the KPIs: every name, type, unit and help in one table.

use super::exposed::{Family, FamilyKind};

/// All families, in the order of the exposition.
pub const FAMILIES: &[Family] = &[Family {
    name: "contact_center_contacts_offered_total",
    help: "contacts_offered: queue visits begun; moves when an event is folded",
    kind: FamilyKind::Counter,
}];
