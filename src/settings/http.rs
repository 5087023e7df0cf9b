//! `[http]`: where the service listens.

use super::fields::{Fields, Section};
use super::kinds::{Optional, Scalar, Text, text_of};
use super::problem::{Path, Problems};
use super::tree::Node;
use serde_json::Value as Json;
use std::net::{Ipv4Addr, SocketAddr};

/// The section.
#[derive(Clone, Debug)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    pub(super) web_config: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Http { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)), web_config: None }
    }
}

impl Section for Http {
    fn fields(&mut self, fields: &mut impl Fields) {
        fields.value("listen", &mut self.listen, Address);
        fields.value("web_config", &mut self.web_config, Optional(Text { bytes_max: 4_096 }));
    }

    fn check(&self, path: &Path, problems: &mut Problems<'_>) {
        // Silence here would leave open what the operator believes to be closed.
        if self.web_config.is_some() {
            let text = "is not supported yet; remove it and put a proxy with TLS and authentication in front";
            problems.add(&path.key("web_config"), text);
        }
    }
}

#[derive(Clone, Copy)]
struct Address;

impl Scalar<SocketAddr> for Address {
    fn parse(&self, node: &Node) -> Result<SocketAddr, String> {
        let wanted = "an address and port such as \"0.0.0.0:9464\" or \"[::1]:9464\"";
        let text = text_of(node, wanted)?;
        text.parse().map_err(|_| format!("{text:?} is not {wanted}"))
    }

    fn print(&self, value: &SocketAddr) -> Option<Json> {
        Some(Json::from(value.to_string()))
    }
}
