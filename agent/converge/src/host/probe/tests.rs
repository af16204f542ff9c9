use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use super::{What, attempt_all, main, parse};

fn run(words: &[&str]) -> Result<(), String> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    attempt_all(&parse(&words).unwrap())
}

/// A server that answers each connection with the next of `answers` and then stops listening. Gives its address and, in the
/// end, what it was asked.
fn server(answers: &[&'static str]) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = answers.to_vec();
    let serve = thread::spawn(move || {
        let one = |(answer, stream): (&str, TcpStream)| {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let asked: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            (&stream).write_all(answer.as_bytes()).unwrap();
            asked.join("|")
        };
        let streams = answers.iter().map(|answer| (*answer, listener.accept().unwrap().0));
        streams.map(one).collect()
    });
    (address, serve)
}

#[test]
fn an_http_request_is_plain_and_its_status_counts() {
    let answers = [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.0 302\r\n\r\n",
        "HTTP/1.1 503 Busy\r\n\r\n",
        "SSH-2.0\r\n",
        "",
    ];
    let (address, serve) = server(&answers);
    let url = format!("http://{address}/health?deep=1#top");
    let get = || run(&["once", "2000", "http", &url]);
    assert_eq!(get(), Ok(()));
    assert_eq!(run(&["once", "2000", "http", &format!("http://{address}")]), Ok(()));
    assert_eq!(get(), Err(format!("GET {url}: status 503")));
    for _ in 0..2 {
        assert_eq!(get(), Err(format!("GET {url}: the answer is not HTTP")));
    }
    let asked = serve.join().unwrap();
    assert!(
        asked[0].starts_with(&format!("GET /health?deep=1 HTTP/1.1|Host: {address}|User-Agent: holdfast/"))
    );
    assert!(asked[1].starts_with("GET / HTTP/1.1|"));
    assert!(get().unwrap_err().contains("Connection refused"));
}

#[test]
fn only_plain_addresses_are_asked() {
    for url in ["https://localhost/", "http://a b/", "http://user@localhost/", "http://localhost:1/\r\nX: y"]
    {
        let reason = run(&["once", "100", "http", url]).unwrap_err();
        assert!(reason.ends_with("http://") || reason.ends_with("plain address"), "{reason}");
    }
}

#[test]
fn it_tries_again_until_the_time_is_over() {
    let answers = ["HTTP/1.1 503 x\r\n\r\n", "HTTP/1.1 503 x\r\n\r\n", "HTTP/1.1 200 x\r\n\r\n"];
    let (address, serve) = server(&answers);
    assert_eq!(run(&["within", "5000", "http", &format!("http://{address}/")]), Ok(()));
    assert_eq!(serve.join().unwrap().len(), 3);

    let begun = Instant::now();
    assert!(run(&["within", "300", "tcp", &address]).unwrap_err().contains("refused"));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn tcp_only_connects() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(run(&["once", "1000", "tcp", &address]), Ok(()));
    assert!(run(&["once", "1000", "tcp", "no-port"]).is_err());
}

#[test]
fn a_command_ends_well_or_badly_or_not_at_all() {
    assert_eq!(run(&["once", "5000", "command", "true"]), Ok(()));
    assert_eq!(run(&["once", "5000", "command", "sh", "-c", "exit 7"]), Err("exit status: 7".into()));
    assert_eq!(run(&["once", "5000", "command", "no-such-program"]), Err("there is no such program".into()));
    let begun = Instant::now();
    let hangs = ["once", "100", "command", "sh", "-c", "sleep 1000 & sleep 1000"];
    assert_eq!(run(&hangs), Err("not finished after 0 s".into()));
    assert!(begun.elapsed() < Duration::from_secs(5));

    let marks = tempfile::tempdir().unwrap();
    let script = format!("mkdir {0}/a 2>/dev/null || exec mkdir {0}/b; exit 1", marks.path().display());
    assert_eq!(run(&["within", "5000", "command", "sh", "-c", &script]), Ok(()));
}

#[test]
fn arguments_are_checked() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(parse(&words("within 1500 tcp a:1")).unwrap().what, What::Tcp("a:1".into()));
    for bad in [
        "",
        "once",
        "often 5 tcp a:1",
        "once x tcp a:1",
        "once 5 tcp",
        "once 5 tcp a b",
        "once 5 command",
        "once 5 udp a:1",
    ] {
        assert_eq!(parse(&words(bad)), None, "{bad}");
    }
    assert_eq!(format!("{:?}", main(&words("once"))), format!("{:?}", ExitCode::FAILURE));
}
