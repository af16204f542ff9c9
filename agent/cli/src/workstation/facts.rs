//! What a host would know of itself, as `--fact` says it.

use holdfast_schema::Facts;

use crate::failure::{Code, Failure};

/// The sample's facts with those given instead.
pub(crate) fn with(given: &[(String, String)]) -> Result<Facts, Failure> {
    let mut facts = Facts::sample();
    for (name, value) in given {
        let number = || {
            value.parse::<u32>().map_err(|why| {
                Failure::new(Code::Fact, format!("cannot set the fact {name} to {value:?}")).because(why)
            })
        };
        match name.as_str() {
            "hostname" => facts.hostname.clone_from(value),
            "os" => facts.os.clone_from(value),
            "os_version" => facts.os_version.clone_from(value),
            "os_codename" => facts.os_codename.clone_from(value),
            "arch" => facts.arch.clone_from(value),
            "kernel" => facts.kernel.clone_from(value),
            "virtualization" => facts.virtualization.clone_from(value),
            "cpus" => facts.cpus = number()?,
            "memory_mib" => facts.memory_mib = number()?.into(),
            _ => return Err(Failure::new(Code::Fact, format!("there is no fact {name:?}"))),
        }
    }
    Ok(facts)
}
