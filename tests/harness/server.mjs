/**
 * A static file server on the loopback interface for the pages of the tests.
 * Owns: MIME types, the paths below, response headers of special pages.
 *
 *     /dist/...       the distribution          /tests/...      this folder (prose tests as modules: `x.md.mjs`)
 *     /examples/...   the examples              /made/...       pages that a test has added with `add`
 *     /open/...       the answers of network.mjs, from the origin of the pages
 *
 * Besides: sites of their own origin (`site`), for what has to be at the root of one, such as service workers.
 * Invariant: serves nothing outside of these folders, and lives no longer than its process.
 */
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { compileProse } from "./prose.mjs";

const MIME_TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".md": "text/plain; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
  ".zip": "application/zip",
  ".csv": "text/csv; charset=utf-8",
  ".py": "text/x-python; charset=utf-8",
};

export async function startServer({ dist, tests, examples, handle }) {
  const made = new Map();
  const requests = [];
  const roots = { dist, tests, examples };

  async function respond(url) {
    if (made.has(url)) return { status: 200, headers: {}, ...made.get(url) };
    const [, rootName, ...rest] = url.split("/");
    const root = roots[rootName];
    if (root === undefined) return { status: 404, body: "not found" };
    const file = path.resolve(root, ...rest.map(decodeURIComponent));
    if (file !== root && !file.startsWith(root + path.sep)) return { status: 403, body: "outside" };
    if (file.endsWith(".md.mjs")) {
      const text = await readFile(file.slice(0, -".mjs".length), "utf8");
      const body = compileProse(text, path.basename(file, ".mjs"), "/tests/harness/registry.mjs", "/tests/harness/assert.mjs");
      return { status: 200, headers: { "content-type": MIME_TYPES[".mjs"] }, body };
    }
    // `pure-rand/utils/skipN`: packages are imported without the extension.
    for (const candidate of path.extname(file) === "" ? [`${file}.js`] : [file]) {
      try {
        const body = await readFile(candidate);
        // A page of another origin may use the distribution, as it may use that of a CDN.
        const headers = { "content-type": MIME_TYPES[path.extname(candidate)] ?? "application/octet-stream" };
        if (rootName === "dist") headers["access-control-allow-origin"] = "*";
        // An isolated page may start a worker that is a package's.
        if (rest[0] === "node_modules") headers["cross-origin-embedder-policy"] = "require-corp";
        return { status: 200, headers, body };
      } catch {
        continue;
      }
    }
    return { status: 404, body: `not found: ${url}` };
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://localhost").pathname;
    requests.push(url);
    if (handle?.(request, response)) return;
    respond(url).then(
      ({ status, headers = {}, body }) => {
        response.writeHead(status, { "cache-control": "no-store", ...headers });
        response.end(body);
      },
      (error) => {
        response.writeHead(500);
        response.end(String(error));
      },
    );
  });
  const sites = [];
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    requests,
    /** Adds a page or file at `/made/<name>`; returns its address. */
    add(name, body, headers = {}) {
      made.set(`/made/${name}`, { body, headers: { "content-type": MIME_TYPES[path.extname(name)] ?? "text/plain", ...headers } });
      return `${origin}/made/${name}`;
    },
    /** Starts a site with these files by path, `/node_modules/` of the tests, and the distribution beside them at the root; its origin. */
    async site(files, headers = {}) {
      const own = createServer((request, response) => {
        const { pathname } = new URL(request.url, "http://localhost");
        // An import may leave the extension out.
        const name = pathname in files ? pathname : `${pathname}.js`;
        const answer =
          name in files
            ? Promise.resolve({ status: 200, headers: { "content-type": MIME_TYPES[path.extname(name) || ".html"] }, body: files[name] })
            : respond(pathname.startsWith("/node_modules/") ? `/tests${pathname}` : `/dist${pathname}`);
        answer.then(({ status, headers: given = {}, body }) => {
          response.writeHead(status, { "cache-control": "no-store", ...given, ...headers });
          response.end(body);
        });
      });
      sites.push(own);
      await new Promise((resolve) => own.listen(0, "127.0.0.1", resolve));
      return `http://127.0.0.1:${own.address().port}`;
    },
    close() {
      for (const each of [server, ...sites]) {
        each.closeAllConnections();
        each.close();
      }
    },
  };
}
