//! The page of reason codes: one section per code, in the order of the enum.

use std::fmt::Write as _;

use anyhow::Result;
use ratify_verify::ReasonCode;

const HEAD: &str = "\
# Reason codes

Why an image was not admitted, or what was not enforced. The same code stands in the verdict, the
log and the output of the command line. A code keeps its spelling for ever.

The codes stand in the order of the work: when an image fails in several ways, the code that comes
last on this page got furthest and is the one shown first.
";

/// Write the page.
pub(crate) fn render() -> Result<String> {
    let mut page = HEAD.to_owned();
    for code in ReasonCode::ALL {
        let (name, meaning, remedy) = (code.as_str(), code.meaning(), code.remedy());
        write!(
            page,
            "\n## {name}\n\n{meaning}\n\n**What to do:** {remedy}\n"
        )?;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_section_of_its_own() {
        let page = render().unwrap();
        let sections: BTreeSet<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(sections.len(), ReasonCode::ALL.len());
        for code in ReasonCode::ALL {
            assert!(sections.contains(code.as_str()), "{code:?}");
            assert!(
                !code.meaning().is_empty() && !code.remedy().is_empty(),
                "{code:?}"
            );
        }
    }
}
