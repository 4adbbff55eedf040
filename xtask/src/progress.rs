//! What the user sees while something long happens: the step's name, what it is at, the elapsed time.
//!
//! On a terminal a spinner; elsewhere (CI, pipes) one plain line when a step begins and one when it ends.
//! Everything goes to stderr: stdout belongs to the program a command runs.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// One running step. Dropping it without [`Step::done`] marks it as failed.
pub struct Step {
    name: String,
    started: Instant,
    bar: Option<ProgressBar>,
    finished: Cell<bool>,
}

impl Step {
    pub fn start(name: impl Into<String>) -> Self {
        let name = name.into();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg:.dim} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_prefix(name.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            eprintln!("[....] {name}");
        }
        Step { name, started: Instant::now(), bar, finished: Cell::new(false) }
    }

    /// Says what the step is at. Shown on terminals; a plain line elsewhere.
    pub fn at(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_string()),
            None => eprintln!("[{}] {}: {what}", elapsed(self.started), self.name),
        }
    }

    /// Shows the latest line of a program's output; terminals only.
    pub fn output_line(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(line.chars().filter(|c| !c.is_control()).take(160).collect::<String>());
        }
    }

    pub fn done(self) {
        self.finish("ok");
    }

    fn finish(&self, how: &str) {
        if self.finished.replace(true) {
            return;
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("[{}] {} {how}", elapsed(self.started), self.name);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.finish("failed");
    }
}

fn elapsed(since: Instant) -> String {
    let s = since.elapsed().as_secs();
    if s < 60 { format!("{:>3}s", since.elapsed().as_secs()) } else { format!("{}m{:02}s", s / 60, s % 60) }
}
