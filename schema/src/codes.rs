//! The codes of this crate's problems, for `holdfast explain CODE` and the documentation.

/// Every code that this crate gives: the code, what it means, what mends it.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "E_COMPOSE",
        "A compose file asks for something that has no equivalent here, such as `build`.",
        "The message says what to do instead. To do without it, name its key in `ignore` of the resource.",
    ),
    (
        "E_CONFLICT",
        "Two settings exclude each other: two keys of one table, two roles that set one field differently, or a resource \
         that lies in another that is no directory or goes away.",
        "Take one of the two out. Between roles, say override = true in the one that shall win.",
    ),
    (
        "E_CYCLE",
        "Resources wait for each other in a circle, so that none can ever be first.",
        "Take one of the `needs` on the circle out; the message shows each step and where it is written.",
    ),
    (
        "E_FILE_NAME",
        "A file of the repository has a name that it cannot have where it is.",
        "Rename it: hosts/NAME.toml, groups/NAME.toml, roles/NAME/role.toml, with names of a-z, 0-9, '-', '.' and '_'.",
    ),
    (
        "E_GROUP_MISSING",
        "A host lists a group that has no document.",
        "Add groups/NAME.toml, which may be empty, or take the group out of the host's list.",
    ),
    (
        "E_HOST_MISSING",
        "The repository has no document for this host.",
        "Add hosts/NAME.toml, which may be empty, or correct `host` in /etc/holdfast/agent.toml.",
    ),
    (
        "E_IMAGE_TAG",
        "An image is named by its tag alone, which can mean another image tomorrow.",
        "Write it with its digest, as in nginx:1.27@sha256:…, which `holdfast check --resolve` does, or set allow_tags = true under [docker] in fleet.toml.",
    ),
    (
        "E_LEVEL",
        "The agent is told to follow unsigned revisions, which this version does not.",
        "Sign the fleet's commits and take `level` out of /etc/holdfast/agent.toml.",
    ),
    (
        "E_LIMIT",
        "Something is larger, longer, deeper or more numerous than Holdfast reads.",
        "See LIMITS in holdfast-fleet(5). Distribute large files as packages; split large fleets.",
    ),
    (
        "E_MISSING_KEY",
        "A key that must be there is not, in any layer.",
        "Set it. The message says which table it belongs to and what it is.",
    ),
    (
        "E_MISSING_VARIABLE",
        "A role or a compose file has a variable without a default, and nothing gives it a value.",
        "Set a role's under [vars] in the host's document, a group's or fleet.toml, or give it a default. A compose file's are in \
         `variables` and `env_file` of the resource.",
    ),
    (
        "E_NEEDS",
        "A resource refers to another that the host does not have.",
        "Correct the name (KIND:NAME), declare the other resource, or take the reference out.",
    ),
    (
        "E_READ",
        "A file of the repository could not be read, though it is listed.",
        "The store is damaged or changed meanwhile: run again; a damaged clone is fetched anew by itself.",
    ),
    (
        "E_RESERVED",
        "A resource belongs to the agent itself, and could lock the host out of its fleet.",
        "Take it out. `holdfast enrol` and the package look after these files and units.",
    ),
    (
        "E_ROLE_MISSING",
        "A host lists a role that has no document, or a role's directory has none.",
        "Add roles/NAME/role.toml, which may be empty, or take the role out of the host's list.",
    ),
    (
        "E_SECRETS",
        "A resource names a secret that its host may not read, or the list of secrets, the encrypted files and the keys of the \
         hosts do not go together.",
        "Correct secrets/index.toml or the host's age_key, and run `holdfast secret rekey`: it encrypts what is not encrypted to \
         the right keys.",
    ),
    (
        "E_SOURCE_MISSING",
        "A resource names a file that the repository does not have.",
        "Add the file, or correct the path: it is relative to the role's directory or, outside of roles, to the root.",
    ),
    (
        "E_STATUS",
        "A status branch holds a text that is no status document.",
        "Look who wrote to the branch; the host's next status replaces it.",
    ),
    (
        "E_STATUS_FORMAT",
        "A status document is of a newer version than this program reads.",
        "Upgrade holdfast where you read it.",
    ),
    (
        "E_SUBMODULE",
        "A submodule stands where a file is read. Submodules are never read.",
        "Put the files themselves into the repository.",
    ),
    (
        "E_SYMLINK",
        "A symbolic link stands where a file is read. Links of the repository are never followed.",
        "Put the file itself there.",
    ),
    (
        "E_TEMPLATE",
        "A template or a condition cannot be compiled or evaluated: its grammar, a name that is not defined, values that do \
         not go together, or too much work.",
        "The message shows the place in the template. Names are vars.NAME, facts.NAME and host.NAME.",
    ),
    (
        "E_TOML",
        "A document is not TOML, or not UTF-8.",
        "Correct it at the place shown; what follows an unclosed bracket or quote is not looked at.",
    ),
    (
        "E_TWO_OWNERS",
        "Two resources own one path.",
        "Keep one of them. A unit owns its file and its drop-ins in /etc/systemd/system.",
    ),
    (
        "E_TYPE",
        "A value is of the wrong type.",
        "Write it as the message says; strings are in quotes, lists in [ ].",
    ),
    (
        "E_UNKNOWN_KEY",
        "A table has a key that Holdfast does not know, most often a slip of the pen.",
        "Correct it as the message suggests, or take it out.",
    ),
    (
        "E_UNKNOWN_VARIABLE",
        "A variable gets a value, but nothing declares it.",
        "Correct its name, or declare it under [params] in a role or in fleet.toml.",
    ),
    ("E_VALUE", "A value breaks the rule for its field.", "Write it as the message says."),
    (
        "E_YAML",
        "A compose file is not YAML, or uses of it what has no meaning in a compose file.",
        "Correct it at the place shown. Values that hold `: ` or begin with a special character are put in quotes.",
    ),
];
