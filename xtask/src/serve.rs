//! A static file server for `dist/`, for development.
//!
//! Invariants: listens on the loopback interface only; never leaves the served folder; only reads.

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

use crate::context::Context;
use crate::dist;
use crate::failure::{Failure, fail};

#[derive(Args)]
pub struct Options {
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Send the headers that make pages cross-origin isolated (SharedArrayBuffer)
    #[arg(long)]
    coop_coep: bool,
    /// Folder to serve instead of dist/
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub fn run(context: &Context, options: &Options) -> Result<()> {
    let dir = match &options.dir {
        Some(dir) if dir.is_dir() => dir.canonicalize()?,
        Some(dir) => return fail(format!("Not a folder: {}", dir.display()), "Give `--dir` an existing folder"),
        None => dist::ensure(context)?.canonicalize()?,
    };
    let server = Server::http(("127.0.0.1", options.port)).map_err(|e| {
        Failure::new(format!("Could not listen on port {}: {e}", options.port), "Give another `--port`, or 0 for any free one")
    })?;
    let Some(address) = server.server_addr().to_ip() else {
        return fail("The server has no address", "Give another `--port`");
    };
    let page = if dir.join("console.html").exists() { "console.html" } else { "" };
    println!("Serving {} at http://{address}/{page}", dir.display());
    println!("Stop with Ctrl-C");

    let server = Arc::new(server);
    // Browsers open several connections at once and keep them: a few threads, so that none waits for another.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let server = Arc::clone(&server);
            let dir = dir.as_path();
            scope.spawn(move || {
                for request in server.incoming_requests() {
                    // A client that went away is its own affair.
                    let _ = answer(request, dir, options.coop_coep);
                }
            });
        }
    });
    Ok(())
}

fn answer(request: Request, dir: &Path, isolate: bool) -> std::io::Result<()> {
    let mut headers: Vec<Header> = Vec::new();
    headers.extend(header("Cache-Control", "no-cache"));
    if isolate {
        headers.extend(header("Cross-Origin-Opener-Policy", "same-origin"));
        headers.extend(header("Cross-Origin-Embedder-Policy", "require-corp"));
        headers.extend(header("Cross-Origin-Resource-Policy", "same-origin"));
    }
    let plain = |status: u16, text: String, mut headers: Vec<Header>| {
        headers.extend(header("Content-Type", "text/plain; charset=utf-8"));
        Response::new(StatusCode(status), headers, std::io::Cursor::new(text.clone().into_bytes()), Some(text.len()), None)
    };
    if !matches!(request.method(), Method::Get | Method::Head) {
        return request.respond(plain(405, "Only GET and HEAD are served\n".into(), headers));
    }
    let path = resolve(dir, request.url());
    let Some(path) = path else {
        let text = format!("Not found: {}\n", request.url());
        return request.respond(plain(404, text, headers));
    };
    if path.is_dir() {
        let text = listing(&path);
        headers.extend(header("Content-Type", "text/html; charset=utf-8"));
        let length = text.len();
        return request.respond(Response::new(StatusCode(200), headers, std::io::Cursor::new(text.into_bytes()), Some(length), None));
    }
    match File::open(&path) {
        Ok(file) => {
            headers.extend(header("Content-Type", content_type(&path)));
            let length = file.metadata()?.len();
            // A known length lets a page show how far a download is.
            request.respond(Response::new(StatusCode(200), headers, file, usize::try_from(length).ok(), None).with_chunked_threshold(usize::MAX))
        }
        Err(error) => request.respond(plain(500, format!("Could not read the file: {error}\n"), headers)),
    }
}

/// Headers are made of literals of this file; one that were not valid would be left out.
fn header(name: &'static str, value: &'static str) -> Option<Header> {
    Header::from_bytes(name.as_bytes(), value.as_bytes()).ok()
}

/// The file of a URL path, or nothing if there is none or it would lie outside.
fn resolve(dir: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?;
    let decoded = percent_decode(path)?;
    let relative = Path::new(decoded.trim_start_matches('/'));
    if relative.components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir)) {
        return None;
    }
    let mut full = dir.join(relative);
    if full.is_dir() && full.join("index.html").exists() {
        full.push("index.html");
    }
    // A symbolic link may lead out of the folder.
    let real = full.canonicalize().ok()?;
    real.starts_with(dir).then_some(real)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        if b == b'%' {
            let hex = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            bytes.push(b);
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (!decoded.contains('\0')).then_some(decoded)
}

fn listing(dir: &Path) -> String {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| format!("{}{}", e.file_name().to_string_lossy(), if e.path().is_dir() { "/" } else { "" }))
        .collect();
    names.sort();
    let escape = |s: &str| s.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let items: String = names.iter().map(|n| format!("<li><a href=\"{0}\">{0}</a></li>\n", escape(n))).collect();
    format!("<!doctype html><meta charset=utf-8><title>Files</title><ul>\n{items}</ul>\n")
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" | "cjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "zip" | "whl" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "tar" => "application/x-tar",
        "ts" | "py" | "txt" | "md" | "csv" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_never_leaves_the_folder() {
        let dir = std::env::temp_dir().join(format!("pyoxide-serve-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        std::fs::write(dir.join("sub/a b.mjs"), "1").unwrap();
        let dir = dir.canonicalize().unwrap();
        assert!(resolve(&dir, "/sub/a%20b.mjs?x=1").is_some());
        for bad in ["/../etc/passwd", "/%2e%2e/etc/passwd", "//etc/passwd", "/sub/../../x", "/%", "/%00", "/none"] {
            assert!(resolve(&dir, bad).is_none(), "{bad}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn modules_and_wasm_have_the_types_browsers_insist_on() {
        assert_eq!(content_type(Path::new("a/pyodide.mjs")), "text/javascript; charset=utf-8");
        assert_eq!(content_type(Path::new("pyodide.asm.wasm")), "application/wasm");
    }
}
