//! Docker configuration files and credential helpers, with real files and real programs in directories of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// A file that is open for writing in one process cannot be run by another, and a process that is being started holds
/// the files of its parent for a moment; so tests that write and start programs take turns.
static PROGRAMS: Mutex<()> = Mutex::const_new(());

struct Fixture {
    directory: TempDir,
}

impl Fixture {
    fn new(config: &str) -> Self {
        let fixture = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        fs::write(fixture.path(), config).unwrap();
        fixture
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("config.json")
    }

    fn helper(&self, name: &str, script: &str) {
        let path = self
            .directory
            .path()
            .join(format!("docker-credential-{name}"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn logins(&self) -> DockerConfig {
        DockerConfig::at(self.path()).helpers_in(self.directory.path())
    }

    async fn login(&self, host: &str) -> String {
        shown(self.logins().login(host).await)
    }
}

fn shown(login: Result<Login, LoginError>) -> String {
    match login {
        Ok(Login::Anonymous) => "anonymous".to_owned(),
        Ok(Login::Basic { user, password }) => format!("{user}:{}", password.expose_secret()),
        Ok(Login::IdentityToken(token)) => format!("identity {}", token.expose_secret()),
        Ok(Login::RegistryToken(token)) => format!("registry {}", token.expose_secret()),
        Err(error) => format!("error: {error}"),
    }
}

/// `auth` of `user:password`.
fn auth(pair: &str) -> String {
    format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(pair))
}

#[tokio::test]
async fn entries_of_all_kinds() {
    for (entry, expected) in [
        (auth("u:p"), "u:p"),
        (auth("u:p:q"), "u:p:q"),
        (auth("u:p\0\0"), "u:p"),
        (auth("u:"), "u:"),
        (r#"{"username":"u","password":"p"}"#.to_owned(), "u:p"),
        (
            r#"{"auth":"","username":"u","password":"p","email":"x"}"#.to_owned(),
            "u:p",
        ),
        (
            r#"{"auth":"dTpw","identitytoken":"t"}"#.to_owned(),
            "identity t",
        ),
        (r#"{"registrytoken":"t"}"#.to_owned(), "registry t"),
        ("{}".to_owned(), "anonymous"),
        ("null".to_owned(), "anonymous"),
    ] {
        let fixture = Fixture::new(&format!(r#"{{"auths":{{"reg.io":{entry}}}}}"#));
        assert_eq!(fixture.login("reg.io").await, expected, "{entry}");
        assert_eq!(fixture.login("other.io").await, "anonymous");
    }
}

#[tokio::test]
async fn a_broken_entry_is_an_error_and_not_anonymous() {
    for entry in [
        r#"{"auth":"!!!"}"#.to_owned(),
        auth("no colon"),
        auth(":p"),
        r#"{"auth":"/////w=="}"#.to_owned(),
        r#"{"username":"u"}"#.to_owned(),
        r#"{"password":"p"}"#.to_owned(),
    ] {
        let fixture = Fixture::new(&format!(r#"{{"auths":{{"reg.io":{entry}}}}}"#));
        let login = fixture.logins().login("reg.io").await;
        assert!(matches!(login, Err(LoginError::Entry { .. })), "{entry}");
        assert_eq!(fixture.login("other.io").await, "anonymous");
    }
}

#[tokio::test]
async fn keys_as_docker_wrote_them_over_the_years() {
    for key in [
        "reg.io:5000",
        "https://reg.io:5000",
        "http://reg.io:5000",
        "https://reg.io:5000/v1/",
        "https://reg.io:5000/v2/",
        "reg.io:5000/v2",
    ] {
        let fixture = Fixture::new(&format!(r#"{{"auths":{{"{key}":{}}}}}"#, auth("u:p")));
        assert_eq!(fixture.login("reg.io:5000").await, "u:p", "{key}");
        for other in ["reg.io", "reg.io:5001", "evil-reg.io:5000", "docker.io"] {
            assert_eq!(fixture.login(other).await, "anonymous", "{key} for {other}");
        }
    }
    for key in [
        "https://index.docker.io/v1/",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
    ] {
        let fixture = Fixture::new(&format!(r#"{{"auths":{{"{key}":{}}}}}"#, auth("u:p")));
        assert_eq!(fixture.login("docker.io").await, "u:p", "{key}");
    }
    let (first, second) = (auth("a:a"), auth("b:b"));
    let config = format!(r#"{{"auths":{{"https://reg.io":{first},"reg.io":{second}}}}}"#);
    assert_eq!(
        Fixture::new(&config).login("reg.io").await,
        "b:b",
        "the exact key first"
    );
}

#[tokio::test]
async fn a_missing_file_is_an_error_only_where_it_was_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    let named = DockerConfig::at(&path).login("reg.io").await;
    assert!(matches!(named, Err(LoginError::Unreadable { .. })));
    let default = DockerConfig::if_there(path);
    assert!(default.login("reg.io").await.unwrap().is_anonymous());
}

#[tokio::test]
async fn a_malformed_file_is_an_error_that_does_not_quote_it() {
    for config in [
        "",
        "[]",
        "{",
        r#"{"auths":"hunter2"}"#,
        r#"{"auths":{"reg.io":{"auth":["hunter2"]}}}"#,
    ] {
        let login = Fixture::new(config).logins().login("reg.io").await;
        let Err(error @ LoginError::Malformed { .. }) = login else {
            panic!("{config}: {login:?}")
        };
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(1024 * 1024));
    let login = Fixture::new(&large).logins().login("reg.io").await;
    assert!(matches!(login, Err(LoginError::TooLarge { .. })));
}

#[tokio::test(start_paused = true)]
async fn oci_client_5_a_changed_file_is_read_again() {
    let moment = || tokio::time::advance(LOOK);
    let config = |password: &str| {
        format!(
            r#"{{"auths":{{"reg.io":{}}}}}"#,
            auth(&format!("u:{password}"))
        )
    };
    let fixture = Fixture::new(&config("old"));
    let logins = fixture.logins();
    assert_eq!(shown(logins.login("reg.io").await), "u:old");
    // In place, and as Kubernetes does it: another file under the same name.
    fs::write(fixture.path(), config("new")).unwrap();
    assert_eq!(
        shown(logins.login("reg.io").await),
        "u:old",
        "within a second it is not looked again"
    );
    logins.refused("reg.io").await;
    assert_eq!(
        shown(logins.login("reg.io").await),
        "u:new",
        "but for a refusal"
    );
    let other = fixture.directory.path().join("other");
    fs::write(&other, config("now")).unwrap();
    fs::rename(other, fixture.path()).unwrap();
    moment().await;
    assert_eq!(shown(logins.login("reg.io").await), "u:now");
    fs::write(fixture.path(), "{").unwrap();
    moment().await;
    assert!(
        logins.login("reg.io").await.is_err(),
        "the old logins are not kept"
    );
    fs::remove_file(fixture.path()).unwrap();
    assert!(logins.login("reg.io").await.is_err());
}

#[tokio::test]
async fn helpers_are_asked_by_the_protocol() {
    let _turn = PROGRAMS.lock().await;
    let fixture = Fixture::new(
        r#"{"credHelpers":{"reg.io":"own","https://index.docker.io/v1/":"own"},"credsStore":"all"}"#,
    );
    fixture.helper(
        "own",
        r#"[ "$1" = get ] && printf '{"ServerURL":"x","Username":"own","Secret":"%s"}' "$(cat)""#,
    );
    fixture.helper(
        "all",
        r#"printf '{"Username":"<token>","Secret":"%s"}' "$(cat)""#,
    );
    assert_eq!(fixture.login("reg.io").await, "own:reg.io");
    assert_eq!(
        fixture.login("docker.io").await,
        "own:https://index.docker.io/v1/"
    );
    assert_eq!(
        fixture.login("other.io:5000").await,
        "identity other.io:5000"
    );
}

#[tokio::test]
async fn a_helper_that_knows_nothing_leaves_it_to_the_file() {
    let _turn = PROGRAMS.lock().await;
    let config = format!(
        r#"{{"credsStore":"x","auths":{{"reg.io":{},"empty.io":{{}}}}}}"#,
        auth("u:p")
    );
    for script in [
        "echo credentials not found in native keychain; exit 1",
        r#"echo '{"Username":"","Secret":""}'"#,
    ] {
        let fixture = Fixture::new(&config);
        fixture.helper("x", script);
        assert_eq!(fixture.login("reg.io").await, "u:p");
        assert_eq!(fixture.login("empty.io").await, "anonymous");
    }
}

#[tokio::test]
async fn a_helper_that_fails_is_an_error_and_not_anonymous() {
    let _turn = PROGRAMS.lock().await;
    for (name, script, expected) in [
        (
            "x",
            "echo hunter2; echo hunter2 >&2; exit 3",
            "failed with status 3",
        ),
        ("x", "echo hunter2", "malformed answer"),
        (
            "x",
            r#"echo '{"Username":"hunter2","Secret":""}'"#,
            "malformed answer",
        ),
        ("x", "exec cat /dev/zero", "malformed answer"),
        ("missing", "", "cannot be run"),
        ("../x", "", "is not letters"),
    ] {
        let fixture = Fixture::new(&format!(r#"{{"credsStore":"{name}"}}"#));
        fixture.helper("x", script);
        let failed = fixture.login("reg.io").await;
        let is_expected =
            failed.starts_with("error: ") && (failed.contains(expected) || script.contains("zero"));
        assert!(is_expected, "{script}: {failed}");
        assert!(!failed.contains("hunter2"), "{failed}");
    }
}

#[tokio::test]
async fn a_helper_that_hangs_is_ended() {
    let _turn = PROGRAMS.lock().await;
    let fixture = Fixture::new(r#"{"credsStore":"x"}"#);
    let pid = fixture.directory.path().join("pid");
    fixture.helper("x", &format!("echo $$ > {}; exec sleep 600", pid.display()));
    let logins = fixture.logins().helper_time(Duration::from_millis(300));
    let late = logins.login("reg.io").await;
    assert!(
        matches!(late, Err(LoginError::HelperTimeout { .. })),
        "{late:?}"
    );
    let pid = fs::read_to_string(pid).unwrap();
    let ended = async {
        let path = format!("/proc/{}/stat", pid.trim());
        while fs::read_to_string(&path)
            .is_ok_and(|state| state.contains("(sleep) ") && !state.contains(") Z"))
        {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
    assert!(ended.is_ok(), "process {pid} goes on");
}

#[tokio::test]
async fn a_helper_is_asked_once_a_minute_and_again_when_its_answer_was_refused() {
    let _turn = PROGRAMS.lock().await;
    let fixture = Fixture::new(r#"{"credsStore":"x"}"#);
    let log = fixture.directory.path().join("log");
    let script = format!(
        r#"echo x >> {log}; printf '{{"Username":"u","Secret":"%s"}}' "$(wc -l < {log})""#,
        log = log.display()
    );
    fixture.helper("x", &script);
    let logins = fixture.logins();
    let all = futures::future::join_all((0..20).map(|_| logins.login("reg.io"))).await;
    for login in all {
        assert_eq!(shown(login), "u:1");
    }
    logins.refused("reg.io").await;
    assert_eq!(shown(logins.login("reg.io").await), "u:2");
}
