//! Whole runs of the real agent, interrupted at each single system call by which they change anything; see
//! "Interrupt it anywhere" in `CONTRIBUTING.md`. `tests/run faults` takes a sample of the points, `tests/run long` all.
#![expect(
    clippy::disallowed_methods,
    reason = "the harness looks at and makes files, processes and its settings"
)]
#![expect(clippy::print_stdout, reason = "it tells people what it did")]
// Its tracer knows the registers of no other processor.
#![cfg_attr(
    not(target_arch = "x86_64"),
    expect(unfulfilled_lint_expectations, reason = "there is nothing here then")
)]

#[cfg(target_arch = "x86_64")]
mod check;
#[cfg(target_arch = "x86_64")]
mod fault;
#[cfg(target_arch = "x86_64")]
mod power;
#[cfg(target_arch = "x86_64")]
mod scene;
#[cfg(target_arch = "x86_64")]
mod suite;
#[cfg(target_arch = "x86_64")]
mod trace;
#[cfg(target_arch = "x86_64")]
mod tree;
#[cfg(target_arch = "x86_64")]
mod whole_host;

#[cfg(target_arch = "x86_64")]
fn main() -> anyhow::Result<std::process::ExitCode> {
    suite::run()
}

#[cfg(not(target_arch = "x86_64"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("faults can only be made on x86-64")
}
