use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_definition_is_consistent() {
    command().debug_assert();
}

#[test]
fn v_1_2_flags_of_v1_4_parse() {
    let cli = parse("ratify verify -s a -c b -t x -t y,z --silent -d").unwrap();
    assert!(cli.debug());
    let Some(Command::Verify(verify)) = cli.command else {
        panic!("not verify")
    };
    assert_eq!(verify.target.subject, "a");
    assert_eq!(verify.target.config, "b");
    assert_eq!(verify.types.artifact_types, ["x", "y,z"], "no comma split");
    assert!(verify.silent && !verify.exit_code);
    assert_eq!(verify.output, Output::Auto);
    assert_eq!(verify.target.timeout, Duration::from_mins(1));
    for line in [
        "ratify --debug discover --subject=a --config=b --artifactType t --flat",
        "ratify -d resolve -sa -cb",
        "ratify referrer show-blob -s a -c b -d sha256:1 --store oras",
        "ratify referrer show-manifest -s a -c b --digest sha256:1 --store oras --debug",
        "ratify version -d",
        "ratify completion powershell",
        "ratify",
        "ratify referrer",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn v_1_4_d_is_the_digest_of_a_referrer() {
    let cli = parse("ratify referrer show-blob -s a -d sha256:1 --store oras").unwrap();
    assert!(!cli.debug());
    let Some(Command::Referrer(Referrer {
        command: Some(ReferrerCommand::ShowBlob(show)),
        ..
    })) = cli.command
    else {
        panic!("not show-blob")
    };
    assert_eq!(show.digest, "sha256:1");
    assert!(parse("ratify -d referrer show-blob").unwrap().debug());
    assert!(parse("ratify referrer -d show-blob").unwrap().debug());
    assert!(parse("ratify referrer show-blob --debug").unwrap().debug());
}

#[test]
fn a_flag_given_twice_counts_as_given_last() {
    let cli = parse("ratify resolve -s a -s b").unwrap();
    let Some(Command::Resolve(resolve)) = cli.command else {
        panic!("not resolve")
    };
    assert_eq!(resolve.target.subject, "b");
}
