use super::{is_key, key_name, reason};
use crate::host::RepositoryTrouble;

/// What apt-get 2.6 says of a source, and what that is.
const APT: [(&str, RepositoryTrouble, &str); 6] = [
    (
        "Err:1 file:/srv/shop stable InRelease\n  The following signatures couldn't be verified because the public key is not \
         available: NO_PUBKEY A655B48EA0C9E81F\nReading package lists...\nW: GPG error: file:/srv/shop stable InRelease: The \
         following signatures couldn't be verified because the public key is not available: NO_PUBKEY A655B48EA0C9E81F\nE: The \
         repository 'file:/srv/shop stable InRelease' is not signed.\n",
        RepositoryTrouble::Signature,
        "W: GPG error: file:/srv/shop stable InRelease: The following signatures couldn't be verified because the public key is \
         not available: NO_PUBKEY A655B48EA0C9E81F; E: The repository 'file:/srv/shop stable InRelease' is not signed.",
    ),
    (
        "Ign:3 file:/srv/shop stable Release.gpg\nReading package lists...\nE: The repository 'file:/srv/shop stable Release' is \
         not signed.\n",
        RepositoryTrouble::Signature,
        "E: The repository 'file:/srv/shop stable Release' is not signed.",
    ),
    (
        "E: Release file for file:/srv/shop/dists/stable/InRelease is expired (invalid since 1d 0h 0min 2s). Updates for this \
         repository will not be applied.\n",
        RepositoryTrouble::Expired,
        "E: Release file for file:/srv/shop/dists/stable/InRelease is expired (invalid since 1d 0h 0min 2s). Updates for this \
         repository will not be applied.",
    ),
    (
        "E: The repository 'file:/srv/shop stable Release' does not have a Release file.\n",
        RepositoryTrouble::Other,
        "E: The repository 'file:/srv/shop stable Release' does not have a Release file.",
    ),
    (
        "E: Failed to fetch http://127.0.0.1:9/x/dists/stable/InRelease  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect \
         (111: Connection refused)\nE: Some index files failed to download. They have been ignored, or old ones used instead.\n",
        RepositoryTrouble::Other,
        "E: Failed to fetch http://127.0.0.1:9/x/dists/stable/InRelease Could not connect to 127.0.0.1:9 (127.0.0.1). - connect \
         (111: Connection refused)",
    ),
    (
        "E: Conflicting values set for option Signed-By regarding source file:/srv/shop/ stable: /one.asc != /two.asc\nE: The \
         list of sources could not be read.\n",
        RepositoryTrouble::Other,
        "E: Conflicting values set for option Signed-By regarding source file:/srv/shop/ stable: /one.asc != /two.asc; E: The \
         list of sources could not be read.",
    ),
];

#[test]
fn what_apt_says_of_a_source_is_understood() {
    for (said, why, told) in APT {
        assert_eq!(RepositoryTrouble::of(said), why, "{said}");
        assert_eq!(reason(said), told);
    }
}

/// What dnf 4.14 and zypper 1.14.42 say.
const RPM: [(&str, RepositoryTrouble, &str); 5] = [
    (
        "Importing GPG key 0x2771E516:\n From       : /etc/pki/rpm-gpg/RPM-GPG-KEY-shop\nError: Failed to download metadata for repo \
         'shop': repomd.xml GPG signature verification error: Bad GPG signature\n",
        RepositoryTrouble::Signature,
        "Error: Failed to download metadata for repo 'shop': repomd.xml GPG signature verification error: Bad GPG signature",
    ),
    (
        "Error: Failed to download metadata for repo 'shop': GPG verification is enabled, but GPG signature is not available. \
         This may be an error or the repository does not support GPG verification\n",
        RepositoryTrouble::Signature,
        "Error: Failed to download metadata for repo 'shop': GPG verification is enabled, but GPG signature is not available. \
         This may be an error or the repository does not support GPG verification",
    ),
    (
        "Errors during downloading metadata for repository 'away':\n  - Curl error (37): Couldn't read a file:// \
         file\nError: Failed to download metadata for repo 'away': Cannot download repomd.xml: All mirrors were tried\n",
        RepositoryTrouble::Other,
        "- Curl error (37): Couldn't read a file:// file; Error: Failed to download metadata for repo 'away': Cannot download \
         repomd.xml: All mirrors were tried",
    ),
    (
        "Warning: File 'repomd.xml' from repository 'shop' is signed with an unknown key 'FC81E44AD3EFBD13'.\n\nFile \
         'repomd.xml' from repository 'shop' is signed with an unknown key 'FC81E44AD3EFBD13'. Continue? [yes/no] (no): \
         no\nerror]\nRepository 'shop' is invalid.\n[shop|file:///srv/shop] Valid metadata not found at specified \
         URL\nHistory:\n - Signature verification failed for repomd.xml\n",
        RepositoryTrouble::Signature,
        "File 'repomd.xml' from repository 'shop' is signed with an unknown key 'FC81E44AD3EFBD13'. Continue? [yes/no] (no): no; \
         [shop|file:///srv/shop] Valid metadata not found at specified URL; - Signature verification failed for repomd.xml",
    ),
    (
        "Repository 'away' is invalid.\n[away|file:///srv/away] Valid metadata not found at specified URL\nHistory:\n - Specified \
         path '/srv/away' is not a directory\n\nSkipping repository 'away' because of the above error.\n",
        RepositoryTrouble::Other,
        "[away|file:///srv/away] Valid metadata not found at specified URL; - Specified path '/srv/away' is not a directory",
    ),
];

#[test]
fn what_dnf_and_zypper_say_of_a_source_is_understood() {
    for (said, why, told) in RPM {
        assert_eq!(RepositoryTrouble::of(said), why, "{said}");
        assert_eq!(reason(said), told);
    }
}

#[test]
fn keys_of_rpm_are_told_apart() {
    assert_eq!(key_name("8483c65d-5ccc5b19").as_deref(), Some("gpg-pubkey-8483c65d-5ccc5b19"));
    // As rpm 6 has them.
    let long = "99db70fae1d7ce227fb6488205b555b38483c65d-5ccc5b19";
    assert_eq!(key_name(long).as_deref(), Some("gpg-pubkey-8483c65d-5ccc5b19"));
    assert_eq!(key_name("1.0"), None);
    assert!(is_key("gpg-pubkey-8483c65d-5ccc5b19") && !is_key("gpg-pubkey") && !is_key("gpg"));
}
