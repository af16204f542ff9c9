//! Timelines that are written once and run with every package manager.

/// Makes a test of a timeline for each package manager.
macro_rules! with_every_manager {
    ($($timeline:ident,)*) => {
        $(mod $timeline {
            use harness::Manager;

            #[test]
            fn apt() -> anyhow::Result<()> {
                super::$timeline(Manager::Apt)
            }

            #[test]
            fn dnf() -> anyhow::Result<()> {
                super::$timeline(Manager::Dnf)
            }

            #[test]
            fn zypper() -> anyhow::Result<()> {
                super::$timeline(Manager::Zypper)
            }
        })*
    };
}

pub(crate) use with_every_manager;
