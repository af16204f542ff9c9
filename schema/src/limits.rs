//! How much a fleet repository may ask of the machine that reads it.
//!
//! Documents and templates come from people who may sign, and in CI from anybody: none may hang the reader or eat its
//! memory. Whoever needs more finds the one place here. Readers of Git bound what they hand over besides: see
//! `holdfast_trust`.

/// Bytes of one TOML document.
pub const DOCUMENT_BYTES: u64 = 1 << 20;
/// Bytes of all TOML documents that one reader takes in.
pub const ALL_DOCUMENTS_BYTES: u64 = 64 << 20;
/// Bytes of one file's content, whether taken as it is or rendered.
pub const CONTENT_BYTES: u64 = 64 << 20;
/// Files, symlinks and submodules of a repository.
pub const ENTRIES: usize = 200_000;
/// Parts of a path in the repository.
pub const PATH_DEPTH: usize = 32;
/// Bytes of a path in the repository.
pub const PATH_BYTES: usize = 4000;
/// Roles, and groups, of one host.
pub const LAYERS: usize = 100;
/// Resources of one host.
pub const RESOURCES: usize = 20_000;
/// Variables of one host.
pub const VARIABLES: usize = 1000;
/// Levels of nesting of a compose file.
pub const YAML_DEPTH: usize = 80;
/// Nodes of a compose file, with every alias written out.
pub const YAML_NODES: usize = 100_000;
/// Files of the repository that one mount of a compose file brings to the host.
pub const MOUNTED_FILES: usize = 1000;
/// Containers of one service of a compose file.
pub const REPLICAS: u32 = 100;
/// Bytes of a template.
pub const TEMPLATE_BYTES: usize = 256 << 10;
/// Instructions that one rendering may take.
pub const TEMPLATE_STEPS: u64 = 200_000;
/// Bytes that one rendering may write, join and compare, all together.
pub const TEMPLATE_WORK: usize = 16 << 20;
/// Bytes of a `when` expression.
pub const CONDITION_BYTES: usize = 4096;
/// Bytes of the keys of a repository.
pub const KEY_BYTES: u64 = 256 << 10;
/// Bytes of a status document or an agent's configuration.
pub const STATUS_BYTES: usize = 1 << 20;

/// The limits as a table for the documentation: what is limited, to what.
pub const TABLE: &[(&str, &str)] = &[
    ("one TOML document", "1 MiB, 80 levels of nesting"),
    ("all TOML documents together", "64 MiB"),
    ("one file's content", "64 MiB"),
    ("files in the repository", "200,000"),
    ("a path in the repository", "4,000 bytes, 32 levels"),
    ("roles of a host, groups of a host", "100 each"),
    ("resources of a host", "20,000"),
    ("variables of a host", "1,000"),
    ("a compose file", "1 MiB, 80 levels of nesting, 100,000 nodes with its aliases written out"),
    ("a template", "256 KiB"),
    ("one rendering", "200,000 steps, 16 MiB of text moved"),
    ("a `when` expression", "4 KiB"),
    ("a secret", "1 MiB, 64 keys"),
    ("the keys of a repository", "256 KiB"),
];
