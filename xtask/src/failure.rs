//! Failures a user can act on: one sentence of what is wrong, one hint of what to do.
//!
//! Everything else travels as `anyhow` context. Rendering happens in `main` alone.

use std::fmt;

/// An error with advice. Its text follows the style guide: capital first, no full stop.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: String,
}

impl Failure {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Shorthand: `return fail("What is wrong", "What to do")`.
pub fn fail<T>(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Result<T> {
    Err(Failure::new(message, hint).into())
}

/// Prints an error chain the way every command of the project does.
pub fn render(error: &anyhow::Error) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for (i, cause) in error.chain().enumerate() {
        let prefix = if i == 0 { "error" } else { "  Caused by" };
        let _ = writeln!(out, "{prefix}: {cause}");
    }
    let hint = error
        .chain()
        .find_map(|c| c.downcast_ref::<Failure>().map(|f| f.hint.clone()).or_else(|| hint_for(&c.to_string())));
    if let Some(hint) = hint {
        let _ = writeln!(out, "\nhint: {hint}");
    }
    out
}

/// Advice for what the tools beneath us say in their own words.
pub fn hint_for(text: &str) -> Option<String> {
    let known: [(&[&str], &str); 3] = [
        (
            &["No space left on device", "StorageFull", "os error 28"],
            "The disk is full: free some space, or move the cache with `PYOXIDE_CACHE`, then run the command again; \
             finished steps are kept",
        ),
        (
            &[
                "Temporary failure in name resolution", "Could not resolve", "Failed to fetch", "Network is unreachable",
                "Connection refused", "Connection failed", "failed to lookup address", "EAI_AGAIN", "ENOTFOUND",
                "URLError", "Could not connect", "timed out", "download of config.json failed", "ECONNREFUSED",
            ],
            "The network or the package mirror did not answer: check the connection and proxy variables, then run the \
             command again; finished steps are kept",
        ),
        (&["Permission denied", "os error 13"], "Check who owns the folder, or run the command as root"),
    ];
    known.iter().find(|(needles, _)| needles.iter().any(|n| text.contains(n))).map(|(_, hint)| (*hint).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_failure_keeps_its_hint_below_context() {
        let error = fail::<()>("Wrong hash", "Delete the file").context("Could not fetch CPython").unwrap_err();
        assert_eq!(render(&error), "error: Could not fetch CPython\n  Caused by: Wrong hash\n\nhint: Delete the file\n");
    }

    #[test]
    fn a_full_disk_is_recognised_in_the_words_of_other_programs() {
        let error = anyhow::anyhow!("cc1: fatal error: No space left on device");
        assert!(render(&error).contains("hint: The disk is full"));
    }
}
