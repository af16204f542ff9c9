use std::{ffi::OsString, path::PathBuf, time::Duration};

use super::Options;

fn read(arguments: &[&str]) -> Result<Options, String> {
    Options::read(arguments.iter().map(OsString::from)).map_err(|error| format!("{error:#}"))
}

#[test]
fn the_command_line() {
    let options = |socket: Option<&str>, idle| Options {
        socket: socket.map(PathBuf::from),
        idle: Duration::from_secs(idle),
    };
    assert_eq!(read(&[]), Ok(options(None, 10)));
    assert_eq!(read(&["--socket", "/a", "--idle", "3"]), Ok(options(Some("/a"), 3)));
    assert_eq!(read(&["--socket"]), Err("--socket needs a value".to_owned()));
    assert_eq!(
        read(&["--idle", "soon"]),
        Err("--idle soon is no number of seconds: invalid digit found in string".to_owned())
    );
    assert!(read(&["--help"]).is_err_and(|error| error.starts_with("unknown argument --help")));
}
