//! Admission of names: which tenants, queues, agents … an input partition tells apart.
//!
//! Configured names always; then, in offset order, up to a maximum per tenant and dimension; the rest
//! become `__other__` and are counted. Admitted names are part of the partition's state, in order.

use crate::ids::{Names, Sym};
use crate::kpi::groups::Dimension;
use std::collections::{HashMap, HashSet};

/// The names admitted in one input partition.
#[derive(Clone, Debug)]
pub struct Admission {
    strings: Names,
    tenants: HashMap<Box<str>, Sym>,
    tables: HashMap<Sym, TenantNames>,
    admitted: Vec<(Sym, Dimension, Sym)>,
    max_names: usize,
    max_tenants: usize,
    /// Events whose name became `__other__`, by dimension.
    pub overflow: [u64; Dimension::LEN],
}

#[derive(Clone, Debug, Default)]
struct TenantNames {
    by_dimension: [HashMap<Box<str>, Sym>; Dimension::LEN],
    learned: [usize; Dimension::LEN],
}

impl Admission {
    /// An admission with the given maxima and the names that are always admitted.
    #[must_use]
    pub fn new(
        max_names: usize,
        max_tenants: usize,
        configured: &[(String, Dimension, String)],
    ) -> Admission {
        let mut admission = Admission {
            strings: Names::default(),
            tenants: HashMap::new(),
            tables: HashMap::new(),
            admitted: Vec::new(),
            max_names,
            max_tenants,
            overflow: [0; Dimension::LEN],
        };
        for (tenant, dimension, name) in configured {
            let tenant = admission.admit_tenant(tenant);
            if *dimension != Dimension::Tenant {
                admission.admit_name(tenant, *dimension, name);
            }
        }
        admission
    }

    /// The tenant's id; `__other__` once too many tenants were seen.
    pub fn tenant(&mut self, name: &str) -> Sym {
        if let Some(sym) = self.tenants.get(name) {
            return *sym;
        }
        if self.tenants.len() >= self.max_tenants {
            self.overflow[Dimension::Tenant.index()] += 1;
            return Sym::OTHER;
        }
        self.admit_tenant(name)
    }

    /// The id of a name in a dimension of a tenant; `__other__` once too many were seen.
    pub fn name(&mut self, tenant: Sym, dimension: Dimension, name: &str) -> Sym {
        if name.is_empty() {
            return Sym::EMPTY;
        }
        let at = dimension.index();
        let table = self.tables.entry(tenant).or_default();
        if let Some(sym) = table.by_dimension[at].get(name) {
            return *sym;
        }
        if table.learned[at] >= self.max_names {
            self.overflow[at] += 1;
            return Sym::OTHER;
        }
        table.learned[at] += 1;
        self.admit_name(tenant, dimension, name)
    }

    /// The string of an id.
    #[must_use]
    pub fn text(&self, sym: Sym) -> &str {
        self.strings.name(sym)
    }

    /// How many names are admitted, tenants included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.admitted.len()
    }

    /// Whether no name is admitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.admitted.is_empty()
    }

    /// Everything admitted, in order: (tenant, dimension, name); a tenant stands as itself.
    #[must_use]
    pub fn admitted(&self) -> &[(Sym, Dimension, Sym)] {
        &self.admitted
    }

    /// An admission as a state record kept it: `strings` by id (the two fixed ones included) and what was admitted, in
    /// order. Ids stay what they were, whatever is configured now; names newly configured come after them.
    #[must_use]
    pub fn resume(
        (max_names, max_tenants): (usize, usize),
        configured: &[(String, Dimension, String)],
        strings: &[&str],
        admitted: &[(Sym, Dimension, Sym)],
    ) -> Admission {
        let mut admission = Admission::new(max_names, max_tenants, &[]);
        for string in strings {
            admission.strings.intern(string);
        }
        for (tenant, dimension, name) in admitted {
            let text: Box<str> = admission.strings.name(*name).into();
            if *dimension == Dimension::Tenant {
                admission.tenants.insert(text, *name);
            } else {
                let table = admission.tables.entry(*tenant).or_default();
                table.by_dimension[dimension.index()].insert(text, *name);
                table.learned[dimension.index()] += 1;
            }
        }
        admission.admitted = admitted.to_vec();
        let mut seen = HashSet::new();
        for (tenant, dimension, name) in configured {
            let tenant = admission.admit_tenant(tenant);
            if *dimension == Dimension::Tenant || !seen.insert((tenant, *dimension, name)) {
                continue;
            }
            let table = admission.tables.entry(tenant).or_default();
            if table.by_dimension[dimension.index()].contains_key(name.as_str()) {
                table.learned[dimension.index()] -= 1;
            } else {
                admission.admit_name(tenant, *dimension, name);
            }
        }
        admission
    }

    fn admit_tenant(&mut self, name: &str) -> Sym {
        if let Some(sym) = self.tenants.get(name) {
            return *sym;
        }
        let sym = self.strings.intern(name);
        self.tenants.insert(name.into(), sym);
        self.admitted.push((sym, Dimension::Tenant, sym));
        sym
    }

    fn admit_name(&mut self, tenant: Sym, dimension: Dimension, name: &str) -> Sym {
        let sym = self.strings.intern(name);
        let table = self.tables.entry(tenant).or_default();
        if table.by_dimension[dimension.index()].insert(name.into(), sym).is_none() {
            self.admitted.push((tenant, dimension, sym));
        }
        sym
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_maximum_become_other_and_configured_ones_never_do() {
        let configured = [("acme".to_owned(), Dimension::Queue, "vip".to_owned())];
        let mut names = Admission::new(1, 1, &configured);
        let acme = names.tenant("acme");
        let first = names.name(acme, Dimension::Queue, "a");
        assert_eq!(names.text(first), "a");
        assert_eq!(names.name(acme, Dimension::Queue, "b"), Sym::OTHER);
        assert_eq!(names.name(acme, Dimension::Queue, "a"), first);
        let vip = names.name(acme, Dimension::Queue, "vip");
        assert_eq!(names.text(vip), "vip");
        assert_eq!(names.tenant("other"), Sym::OTHER);
        assert_eq!(names.overflow[Dimension::Queue.index()], 1);
        assert_eq!(names.overflow[Dimension::Tenant.index()], 1);
        let team = names.name(acme, Dimension::Team, "b");
        assert_eq!(names.text(team), "b");
    }
    #[test]
    fn names_resumed_keep_their_ids_and_their_room_also_under_another_configuration() {
        let configured = [("acme".to_owned(), Dimension::Queue, "vip".to_owned())];
        let mut names = Admission::new(2, 9, &configured);
        let acme = names.tenant("acme");
        let (a, b) = (names.name(acme, Dimension::Queue, "a"), names.name(acme, Dimension::Team, "a"));
        let vip = names.name(acme, Dimension::Queue, "vip");
        let strings: Vec<&str> = (0..5).map(|id| names.text(Sym(id))).collect();
        let mut same = Admission::resume((2, 9), &configured, &strings, names.admitted());
        assert_eq!(same.admitted(), names.admitted());
        let found = [
            same.tenant("acme"),
            same.name(acme, Dimension::Queue, "a"),
            same.name(acme, Dimension::Team, "a"),
            same.name(acme, Dimension::Queue, "vip"),
        ];
        assert_eq!(found, [acme, a, b, vip]);
        assert_ne!(same.name(acme, Dimension::Queue, "c"), Sym::OTHER);
        assert_eq!(same.name(acme, Dimension::Queue, "d"), Sym::OTHER);
        let other = [("acme".to_owned(), Dimension::Queue, "new".to_owned())];
        let mut other = Admission::resume((2, 9), &other, &strings, names.admitted());
        assert_eq!(other.name(acme, Dimension::Queue, "a"), a);
        assert_eq!(other.text(other.admitted()[names.len()].2), "new");
        assert_eq!(other.name(acme, Dimension::Queue, "c"), Sym::OTHER);
    }
}
