//! Names as dense integers.
//!
//! A `Sym` stands for a dimension value (a tenant, a queue, an agent …) inside one owner: an input
//! partition of fold or a shard of merge. It means nothing outside that owner, so it never reaches
//! a topic: records carry strings. This file knows nothing of limits; admission is fold's concern.

use rustc_hash::FxBuildHasher;
use std::collections::HashMap;

/// A name interned by one [`Names`] table: an index, meaningful only there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(pub u32);

impl Sym {
    /// The empty string: a dimension that is not known.
    pub const EMPTY: Sym = Sym(0);
    /// `__other__`: a name that came after the limit on names was reached.
    pub const OTHER: Sym = Sym(1);
}

/// The name that stands for all names beyond a limit.
pub const OTHER_NAME: &str = "__other__";

/// An append-only table of names: string to [`Sym`] and back.
///
/// Names come from outside, so the table keeps the standard library's keyed hash: nobody can choose
/// names that collide.
#[derive(Clone, Debug)]
pub struct Names {
    ids: HashMap<Box<str>, Sym>,
    names: Vec<Box<str>>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Names { ids: HashMap::new(), names: Vec::new() };
        names.intern("");
        names.intern(OTHER_NAME);
        names
    }
}

impl Names {
    /// The id of `name`, new or known.
    pub fn intern(&mut self, name: &str) -> Sym {
        if let Some(sym) = self.ids.get(name) {
            return *sym;
        }
        let sym = Sym(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.into());
        self.ids.insert(name.into(), sym);
        sym
    }

    /// The id of `name`, if it is known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Sym> {
        self.ids.get(name).copied()
    }

    /// The name of `sym`; empty for one that this table never gave out.
    #[must_use]
    pub fn name(&self, sym: Sym) -> &str {
        self.names.get(sym.0 as usize).map_or("", |name| name)
    }

    /// How many names the table holds, the two fixed ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never: the two fixed names are always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A map keyed by dense ids that we made ourselves: no outside influence, so the fast hash.
pub type DenseMap<K, V> = HashMap<K, V, FxBuildHasher>;
