//! Files and directories (K 4.1, N 6.6).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use ratify_keys::{Collected, MAX_CERTIFICATES, Origin, PassedOver, SourceError, certificates_at};
use ratify_testkit::certs::Authority;
use tempfile::TempDir;

use crate::{names, pem};

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn common_names(collected: &Collected) -> Vec<String> {
    let common = |name: String| {
        name.split(',')
            .find_map(|part| part.strip_prefix("CN=").map(str::to_owned))
    };
    names(collected).into_iter().filter_map(common).collect()
}

fn sentence(path: &Path) -> String {
    certificates_at(path).unwrap_err().to_string()
}

#[test]
fn n_s_05_a_file_is_pem_or_der_with_one_certificate_or_several() {
    let home = directory();
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let pems = home.path().join("a.pem");
    fs::write(&pems, format!("# roots\n{}{}", one.pem(), two.pem())).unwrap();
    let collected = certificates_at(&pems).unwrap();
    assert_eq!(common_names(&collected), ["one", "two"]);
    let real = fs::canonicalize(&pems).unwrap();
    assert_eq!(
        collected.found[1].origin,
        Origin::File {
            path: real.clone(),
            number: 2
        }
    );
    assert_eq!(
        collected.found[1].origin.to_string(),
        format!("certificate 2 of `{}`", real.display())
    );

    let der = home.path().join("b.der");
    fs::write(&der, [one.certificate(), two.certificate()].concat()).unwrap();
    assert_eq!(
        common_names(&certificates_at(&der).unwrap()),
        ["one", "two"]
    );
}

#[test]
fn k_4_1_a_directory_is_read_whole_in_the_order_of_names() {
    let home = directory();
    fs::create_dir_all(home.path().join("b/c")).unwrap();
    for (path, name) in [
        ("z.crt", "z"),
        ("a.cer", "a"),
        ("b/c/x", "x"),
        (".hidden", "hidden"),
    ] {
        fs::write(home.path().join(path), pem(name)).unwrap();
    }
    let collected = certificates_at(home.path()).unwrap();
    assert_eq!(common_names(&collected), ["hidden", "a", "x", "z"]);
    assert_eq!(collected.passed_over, []);
}

#[test]
fn k_4_1_a_mounted_secret_is_read_once_through_its_links() {
    let home = directory();
    fs::create_dir(home.path().join("..2026_01_01")).unwrap();
    fs::write(home.path().join("..2026_01_01/ca.crt"), pem("mounted")).unwrap();
    symlink("..2026_01_01", home.path().join("..data")).unwrap();
    symlink("..data/ca.crt", home.path().join("ca.crt")).unwrap();
    let collected = certificates_at(home.path()).unwrap();
    assert_eq!(common_names(&collected), ["mounted"]);
    assert_eq!(
        collected.passed_over,
        [],
        "what a link leads to is read by itself"
    );
    let elsewhere = directory();
    symlink(elsewhere.path(), home.path().join("elsewhere")).unwrap();
    let link = PassedOver::LinkToDirectory(home.path().join("elsewhere"));
    assert_eq!(certificates_at(home.path()).unwrap().passed_over, [link]);
    let alone = certificates_at(&home.path().join("ca.crt")).unwrap();
    assert_eq!(
        common_names(&alone),
        ["mounted"],
        "a link to a file can be named itself"
    );
}

#[test]
fn what_is_passed_over_is_told() {
    let home = directory();
    let at = |name: &str| home.path().join(name);
    symlink("nowhere", at("broken")).unwrap();
    symlink("loop", at("loop")).unwrap();
    fs::write(at("empty"), "").unwrap();
    let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    symlink("socket", at("to-socket")).unwrap();
    let collected = certificates_at(home.path()).unwrap();
    drop(socket);
    assert_eq!(collected.found.len(), 0);
    let expected = [
        PassedOver::BrokenLink(at("broken")),
        PassedOver::Empty(fs::canonicalize(at("empty")).unwrap()),
        PassedOver::BrokenLink(at("loop")),
        PassedOver::NotAFile(at("socket")),
        PassedOver::NotAFile(fs::canonicalize(at("socket")).unwrap()),
    ];
    assert_eq!(collected.passed_over, expected);

    let missing = certificates_at(&at("missing")).unwrap().passed_over;
    assert_eq!(missing, [PassedOver::Missing(at("missing"))]);
    assert_eq!(
        missing[0].to_string(),
        format!("`{}` is not there", at("missing").display())
    );
    symlink(".", at("here")).unwrap();
    let link = certificates_at(&at("here")).unwrap();
    assert_eq!(
        link.passed_over,
        [PassedOver::LinkToDirectory(at("here"))],
        "not even when named itself"
    );
}

#[test]
fn n_s_04_a_file_that_holds_anything_else_is_an_error() {
    let home = directory();
    fs::write(home.path().join("a.pem"), pem("good")).unwrap();
    let readme = home.path().join("readme.md");
    fs::write(&readme, "put certificates here\n").unwrap();
    let real = fs::canonicalize(&readme).unwrap();
    let expected = format!(
        "`{}`: found neither PEM (`-----BEGIN CERTIFICATE-----`) nor DER",
        real.display()
    );
    assert_eq!(sentence(home.path()), expected);
}

#[test]
fn a_private_key_is_refused_and_not_shown() {
    let home = directory();
    let file = home.path().join("both.pem");
    let chain = Authority::new("root").leaf("signer");
    fs::write(&file, format!("{}{}", chain.pem(), chain.key_pem())).unwrap();
    let text = sentence(&file);
    assert!(
        text.contains("the PEM block is a private key, expected certificates only"),
        "{text}"
    );
    let secret = chain.key_pem();
    let secret = secret.lines().nth(1).unwrap();
    let error = certificates_at(&file).unwrap_err();
    assert!(!format!("{error:?}{error}").contains(secret));
}

#[test]
fn sizes_counts_and_depths_have_an_end() {
    let home = directory();
    let large = home.path().join("large");
    fs::write(&large, vec![b'x'; 1024 * 1024 + 1]).unwrap();
    let expected = format!(
        "`{}` has more than 1048576 bytes, expected a file of certificates",
        real(&large)
    );
    assert_eq!(sentence(&large), expected);

    let many = directory();
    let root = Authority::new("root");
    for file in 0..3 {
        fs::write(
            many.path().join(file.to_string()),
            root.certificate().repeat(400),
        )
        .unwrap();
    }
    let expected = format!(
        "`{}` holds more than {MAX_CERTIFICATES} certificates",
        many.path().display()
    );
    assert_eq!(sentence(many.path()), expected);

    let deep = directory();
    fs::create_dir_all(deep.path().join("d/".repeat(17))).unwrap();
    assert!(
        sentence(deep.path()).contains("lies more than 16 directories deep"),
        "{}",
        sentence(deep.path())
    );

    let wide = directory();
    for name in 0..10_001 {
        fs::write(wide.path().join(name.to_string()), "").unwrap();
    }
    assert!(sentence(wide.path()).contains("holds more than 10000 files and directories"));
}

fn real(path: &Path) -> String {
    fs::canonicalize(path).unwrap().display().to_string()
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_a_path_that_cannot_be_looked_at_is_told() {
    // a file for everybody, and unreadable at its beginning for everybody: works for the super-user too
    let memory = Path::new("/proc/self/mem");
    let text = sentence(memory);
    assert!(
        text.starts_with("`/proc/") && text.contains("/mem` cannot be read: "),
        "{text}"
    );

    let home = directory();
    let file = home.path().join("a.pem");
    fs::write(&file, pem("a")).unwrap();
    let below = file.join("b");
    let passed_over = certificates_at(&below).unwrap().passed_over;
    assert!(
        matches!(&passed_over[..], [PassedOver::Closed(path, _)] if *path == below),
        "{passed_over:?}"
    );
}

#[test]
fn what_the_system_cannot_tell_is_no_empty_trust_store() {
    let directory = tempfile::tempdir().unwrap();
    // a name that no file can have stands for a system without descriptors or a disk without an answer
    let path = directory.path().join("x".repeat(300));
    let error = certificates_at(&path).unwrap_err();
    assert!(matches!(error, SourceError::Unreadable { .. }), "{error:?}");
}
