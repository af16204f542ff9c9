//! Commands on a host: they ask the running agent, or look at what it has left.

pub(crate) mod agent;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod enrol;
pub(crate) mod history;
pub(crate) mod look;
pub(crate) mod newest;
pub(crate) mod pause;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod reset;
pub(crate) mod restore;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod systemctl;
