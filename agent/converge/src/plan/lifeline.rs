//! What could cut a host off: the network, the firewall, the resolver, the SSH server, and Holdfast itself.
//!
//! A change of any of it is only tried, see [`holdfast_schema::state::Apply::confirm_within`]. The lists name what the common
//! distributions use; `confirm = true` adds to them.

use holdfast_schema::{HostState, KindName, ResourceId};

use crate::{
    journal::{Before, Recorded},
    plan::{Action, step::PackageTransaction},
};

/// Paths: those that end in `/` with all that is in them, the others with whatever begins like them.
const PATHS: [&str; 28] = [
    "/etc/network/",
    "/etc/netplan/",
    "/etc/NetworkManager/",
    "/etc/sysconfig/network",
    "/etc/systemd/network/",
    "/etc/systemd/networkd.conf",
    "/etc/systemd/resolved.conf",
    "/etc/systemd/system/ssh",
    "/etc/systemd/system/network",
    "/etc/systemd/system/systemd-networkd",
    "/etc/systemd/system/systemd-resolved",
    "/etc/systemd/system/holdfast",
    "/etc/wpa_supplicant/",
    "/etc/dhcp/",
    "/etc/dhcpcd.conf",
    "/etc/wireguard/",
    "/etc/resolv.conf",
    "/etc/resolvconf/",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/gai.conf",
    "/etc/ssh/sshd",
    "/etc/nftables",
    "/etc/iptables",
    "/etc/ufw/",
    "/etc/firewalld/",
    "/etc/sysctl",
    "/etc/holdfast/",
];

/// How the names of units begin.
const UNITS: [&str; 14] = [
    "ssh",
    "network",
    "NetworkManager",
    "systemd-networkd",
    "systemd-resolved",
    "dhcpcd",
    "wpa_supplicant",
    "wg-quick@",
    "nftables",
    "iptables",
    "netfilter-persistent",
    "ufw",
    "firewalld",
    "holdfast",
];

/// How the names of packages begin.
const PACKAGES: [&str; 17] = [
    "openssh-server",
    "ifupdown",
    "netplan",
    "network-manager",
    "NetworkManager",
    "systemd",
    "resolvconf",
    "isc-dhcp-client",
    "dhcpcd",
    "wpasupplicant",
    "wireguard",
    "nftables",
    "iptables",
    "ufw",
    "firewalld",
    "iproute2",
    "holdfast",
];

/// The first thing among what was touched that could cut the host off; `states` say which resources ask for it.
pub fn touched(recorded: &Recorded, states: &[&HostState]) -> Option<String> {
    let declared = |kind, name: &String| {
        let id = ResourceId::new(kind, name.clone());
        states.iter().filter_map(|state| state.resources.get(&id)).any(|resource| resource.confirm)
    };
    let asked = |before: &Before| match before {
        Before::Path { resource, .. } => {
            states.iter().filter_map(|state| state.resources.get(resource)).any(|resource| resource.confirm)
        }
        Before::Unit { unit, .. } => states
            .iter()
            .flat_map(|state| &state.resources)
            .any(|(id, resource)| resource.confirm && id.kind == KindName::Unit && id.name == unit.as_str()),
        Before::Container { name, .. } => declared(KindName::Container, name),
        Before::Service { name, .. } => declared(KindName::Service, name),
        Before::Network { .. }
        | Before::Node { .. }
        | Before::Packages { .. }
        | Before::Key { .. }
        | Before::Repository { .. } => false,
    };
    let changed = |before: &Before| match before {
        Before::Path { path, .. } => (asked(before) || is_path(path.as_str())).then(|| path.to_string()),
        Before::Unit { unit, .. } => {
            (asked(before) || begins(&UNITS, unit.as_str())).then(|| unit.to_string())
        }
        Before::Container { name, .. } => asked(before).then(|| format!("container {name}")),
        Before::Service { name, .. } => asked(before).then(|| format!("service {name}")),
        Before::Network { .. }
        | Before::Node { .. }
        | Before::Packages { .. }
        | Before::Key { .. }
        | Before::Repository { .. } => None,
    };
    let package = |name: &String| {
        let asked = states
            .iter()
            .flat_map(|state| &state.resources)
            .any(|(id, resource)| resource.confirm && id.kind == KindName::Package && id.name == *name);
        (asked || begins(&PACKAGES, name)).then(|| format!("package {name}"))
    };
    // Of a transaction that this process did not see the end of only the intent is known.
    let intended = recorded.intents.iter().filter_map(|step| match &step.action {
        Action::Packages(transaction) => Some(transaction),
        _ => None,
    });
    let packages = recorded.packages.keys().chain(intended.flat_map(PackageTransaction::names));
    recorded.befores.iter().find_map(changed).or_else(|| packages.into_iter().find_map(package))
}

fn is_path(path: &str) -> bool {
    PATHS.iter().any(|known| path.starts_with(known) || known.strip_suffix('/') == Some(path))
}

fn begins(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| name.starts_with(known))
}

#[cfg(test)]
mod tests;
