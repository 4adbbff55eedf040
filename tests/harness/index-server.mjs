/**
 * A package index on the loopback interface, for the tests of packages.
 * Owns: real wheels from a folder, made-up packages for what real ones do not show, servers that misbehave, and counting.
 *
 *     /simple/<name>/         the simple API, as JSON or HTML, as asked for    /html/<name>/       always HTML
 *     /pypi/<name>/json       the older JSON API                              /files/<wheel>      a wheel (`.metadata` too), other archives
 *     /nocors/...             the same without leave for other origins        /slow/...           the same, a little late
 *     /flaky/<key>/<wheel>    503 for the first two requests of a key         /status/<n>/...     the status n
 *     /cut/<wheel>            the connection ends in the middle               /half/<wheel>       half a file
 *     /counted/<key>/<wheel>  a wheel, with its requests counted
 *     /page/<wheel>           a web page                                      /count/<key>        number of requests so far
 *     /native/<file>          a side module that was built for the tests
 *     /lock.json              a lock file of all real wheels                  /named/<name>       the same under another name
 *     /odd/<case>/<name>/     an index whose answers are not what they should be (ODD)
 *     /documented.json        the same with stand-ins for packages that documents load by name but that have no wheel
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { gzipSync, inflateRawSync } from "node:zlib";
import { makeWheel, makeZip } from "./wheel-maker.mjs";

const normalize = (name) => name.replace(/[-_.]+/g, "-").toLowerCase();
const SIMPLE_JSON = "application/vnd.pypi.simple.v1+json";

/** One member of a zip archive, by the end of its name. */
function readMember(bytes, ending) {
  let at = bytes.readUInt32LE(bytes.length - 22 + 16);
  for (let left = bytes.readUInt16LE(bytes.length - 22 + 10); left > 0; left--) {
    const length = bytes.readUInt16LE(at + 28);
    const name = bytes.toString("utf8", at + 46, at + 46 + length);
    if (name.endsWith(ending)) {
      const header = bytes.readUInt32LE(at + 42);
      const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
      const data = bytes.subarray(start, start + bytes.readUInt32LE(at + 20));
      return (bytes.readUInt16LE(at + 10) === 8 ? inflateRawSync(data) : data).toString();
    }
    at += 46 + length + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  throw new Error(`No member ends with ${ending}`);
}

function readWheel(file, bytes) {
  const [name, version] = file.split("-");
  return { file, name, version, bytes, metadata: readMember(bytes, ".dist-info/METADATA"), sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Packages that exist nowhere else. */
function madeUp() {
  return [
    makeWheel({ name: "pyox-example", version: "1.0", requires: ['pyox-extra>=1 ; extra == "more"', 'pyox-never ; sys_platform == "win32"'], extras: ["more"] }),
    makeWheel({ name: "pyox-example", version: "1.5", requires: ['pyox-extra>=1 ; extra == "more"', 'pyox-never ; sys_platform == "win32"'], extras: ["more"] }),
    makeWheel({ name: "pyox-example", version: "2.0rc1", extras: ["more"] }),
    makeWheel({ name: "pyox-extra", version: "1.2" }),
    makeWheel({ name: "pyox-suite", version: "3.1" }),
    makeWheel({ name: "pyox-needy", version: "1.0", requires: ["pyox-example<1.5", "pyox-extra"] }),
    makeWheel({ name: "pyox-orphan", version: "1.0", requires: ["pyox-does-not-exist", "pyox-native"] }),
    makeWheel({ name: "pyox-native", version: "1.0", tag: "cp314-cp314-manylinux_2_17_x86_64" }),
    { ...makeWheel({ name: "pyox-forged", version: "1.0" }), sha256: "0".repeat(64) },
    makeWheel({ name: "Pyox.Odd_Name", version: "1.0" }),
    makeWheel({
      name: "pyox-data", version: "1.0",
      files: { "pyox_data-1.0.data/data/share/pyox/a.txt": "shared", "pyox_data-1.0.data/purelib/pyox_pure.py": "x = 1\n", "pyox_data-1.0.data/scripts/pyox-run": "#!python\n" },
    }),
  ];
}

/**
 * Answers of the simple API that are none, as functions of the one entry that a good answer has: some servers are broken, others are something else.
 * What comes back is sent as JSON; `{ body, ... }` as it is.
 */
export const ODD = {
  null: () => null,
  number: () => 5,
  list: () => [],
  text: () => "x",
  "without-files": () => ({ name: "pyox-extra" }),
  "files-null": () => ({ name: "pyox-extra", files: null }),
  "file-null": () => ({ name: "pyox-extra", files: [null] }),
  "file-name-number": (file) => ({ name: "pyox-extra", files: [{ ...file, filename: 5 }] }),
  "file-name-leads-out": (file) => ({ name: "pyox-extra", files: [{ ...file, filename: `../../${file.filename}` }] }),
  "url-null": (file) => ({ name: "pyox-extra", files: [{ ...file, url: null }] }),
  "url-script": (file) => ({ name: "pyox-extra", files: [{ ...file, url: `javascript:alert(1)//${file.filename}` }] }),
  "url-elsewhere": (file) => ({ name: "pyox-extra", files: [{ ...file, url: `ftp://127.0.0.1/${file.filename}` }] }),
  "url-missing": (file) => ({ name: "pyox-extra", files: [{ ...file, url: file.url.replace("/files/", "/status/404/") }] }),
  "url-page": (file) => ({ name: "pyox-extra", files: [{ ...file, url: file.url.replace("/files/", "/page/") }] }),
  "url-cut": (file) => ({ name: "pyox-extra", files: [{ ...file, url: file.url.replace("/files/", "/cut/") }] }),
  "hashes-null": (file) => ({ name: "pyox-extra", files: [{ ...file, hashes: null, digests: null }] }),
  "hash-number": (file) => ({ name: "pyox-extra", files: [{ ...file, hashes: { sha256: 5 }, digests: { sha256: 5 } }] }),
  "hash-empty": (file) => ({ name: "pyox-extra", files: [{ ...file, hashes: { sha256: "" }, digests: { sha256: "" } }] }),
  "metadata-hash": (file) => ({ name: "pyox-extra", files: [{ ...file, "core-metadata": { sha256: "00" } }] }),
  "versions-null": (file) => ({ name: "pyox-extra", files: [file], versions: null }),
  "another-package": (file) => ({ name: "pyox-extra", files: [{ ...file, filename: file.filename, url: file.url.replace("pyox_extra-1.2", "pyox_suite-3.1"), hashes: {}, digests: {}, "core-metadata": false }] }),
  "no-json": () => ({ body: "{nope", headers: { "content-type": SIMPLE_JSON } }),
  deep: () => ({ body: "[".repeat(200_000), headers: { "content-type": SIMPLE_JSON } }),
  truncated: () => ({ body: Buffer.from('{"name": "pyox-extra", "files": []}'.padEnd(200)), headers: { "content-type": SIMPLE_JSON }, cut: true }),
  "sign-in": () => ({ body: "<html><body>Sign in", headers: { "content-type": "text/html" } }),
  picture: () => ({ body: "x", headers: { "content-type": "image/png" } }),
  untyped: () => ({ body: "x", headers: {} }),
  "not-gzip": () => ({ body: "not gzip", headers: { "content-type": SIMPLE_JSON, "content-encoding": "gzip" } }),
  busy: () => ({ status: 503, body: "busy", headers: { "retry-after": "1" } }),
  forbidden: () => ({ status: 401, body: "who are you?" }),
};

/** Stand-ins for what the documents name: in `documented.json` and by their address only, so that they hide no real package. */
function documented() {
  return [
    makeWheel({ name: "numpy", version: "1.26.4", files: { "numpy/__init__.py": "def array(values):\n    return list(values)\n" } }),
    makeWheel({ name: "matplotlib", version: "3.5.2", requires: ["numpy", "cycler"] }),
    makeWheel({ name: "package_name", version: "1.0" }),
    makeWheel({ name: "snowballstemmer", version: "2.0.0", tag: "py2.py3-none-any", requires: ["pyox-extra"] }),
  ];
}

export async function startIndex({ wheels, native }) {
  const all = [...readdirSync(wheels).filter((file) => file.endsWith(".whl")).map((file) => readWheel(file, readFileSync(path.join(wheels, file)))), ...madeUp()];
  const standIns = documented();
  const byFile = new Map([...all, ...standIns].map((wheel) => [wheel.file, wheel]));
  const nativeFiles = readdirSync(native, { recursive: true }).filter((file) => file.endsWith(".so"));
  // What distributions have besides wheels: the tests of a package, and a shared library.
  const archives = new Map([
    ["pyox-suite-tests.zip", makeZip([["pyox_suite/tests/__init__.py", ""], ["pyox_suite/tests/test_it.py", "import pyox_suite\ndef run(): return pyox_suite.__version__\n"]])],
    ["libpyoxinner.zip", makeZip([["libpyoxinner.so", readFileSync(path.join(native, "pair.libs/libinner.so"))]])],
  ]);
  const counts = new Map();
  let origin = "";

  const details = (base) => (wheel) => ({
    filename: wheel.file, url: `${base}/files/${wheel.file}`, hashes: { sha256: wheel.sha256 }, digests: { sha256: wheel.sha256 }, size: wheel.bytes.length,
    "core-metadata": { sha256: createHash("sha256").update(wheel.metadata).digest("hex") }, yanked: false, "requires-python": null,
  });

  function simple(name, accept, base) {
    const found = all.filter((wheel) => normalize(wheel.name) === normalize(name));
    if (found.length === 0) return { status: 404, body: "no such package" };
    const files = found.map(details(base));
    if (accept.includes(SIMPLE_JSON)) {
      const body = { meta: { "api-version": "1.1" }, name: normalize(name), files, versions: [...new Set(found.map(({ version }) => version))] };
      return { body: JSON.stringify(body), headers: { "content-type": SIMPLE_JSON } };
    }
    const links = files.map((file) => `<a href="../../files/${file.filename}#sha256=${file.hashes.sha256}">${file.filename}</a><br/>`);
    return { body: `<!DOCTYPE html><html><body><h1>${name}</h1>${links.join("\n")}</body></html>`, headers: { "content-type": "text/html; charset=utf-8" } };
  }

  function lockfile(more = []) {
    const real = [...all.filter((wheel) => !normalize(wheel.name).startsWith("pyox")), ...more];
    const names = new Set(real.map(({ name }) => normalize(name)));
    const packages = Object.fromEntries(
      real.map((wheel) => {
        const lines = [...wheel.metadata.split("\n\n")[0].matchAll(/^Requires-Dist: ([A-Za-z0-9._-]+)([^;\n]*)(;.*)?$/gm)];
        const depends = lines.filter(([, , , marker]) => marker === undefined).map(([, name]) => normalize(name)).filter((name) => names.has(name));
        const imports = { beautifulsoup4: ["bs4"], attrs: ["attr", "attrs"], "markdown-it-py": ["markdown_it"] }[normalize(wheel.name)] ?? [wheel.name.toLowerCase()];
        return [normalize(wheel.name), { name: wheel.name, version: wheel.version, file_name: `files/${wheel.file}`, install_dir: "site", sha256: wheel.sha256, package_type: "package", imports, depends, unvendored_tests: false }];
      }),
    );
    return { info: { arch: "wasm32", platform: "emscripten_6_0_5", version: "0", python: "3.14.7", abi_version: "2026_5" }, packages };
  }

  function file(name) {
    if (archives.has(name)) return { body: archives.get(name), headers: { "content-type": "application/zip" } };
    const wheel = byFile.get(name.replace(/\.metadata$/, ""));
    if (wheel === undefined) return { status: 404, body: `no such file: ${name}` };
    if (name.endsWith(".metadata")) return { body: wheel.metadata, headers: { "content-type": "text/plain" } };
    return { body: wheel.bytes, headers: { "content-type": "application/zip" } };
  }

  async function respond(address, request) {
    const [, place, ...rest] = address.split("/").map(decodeURIComponent);
    const accept = String(request.headers.accept ?? "");
    switch (place) {
      case "simple": return simple(rest[0], accept, origin);
      case "odd": {
        const answer = Object.hasOwn(ODD, rest[0]) ? ODD[rest[0]](details(origin)(all.find(({ name }) => name === "pyox-extra"))) : { status: 404, body: "no such case" };
        return answer?.body === undefined ? { body: JSON.stringify(answer), headers: { "content-type": SIMPLE_JSON } } : answer;
      }
      case "strange": {
        const file = details(origin)(all.find(({ name }) => name === "pyox-extra"));
        const answer = (more = {}, headers = {}) => ({ body: JSON.stringify({ meta: { "api-version": "1.1" }, name: "pyox-extra", files: [{ ...file, ...more }] }), headers: { "content-type": SIMPLE_JSON, ...headers } });
        switch (rest[0]) {
          case "mark": return { ...answer(), body: `\ufeff${answer().body}` };
          case "relative": return { body: `<a href="../../../files/${file.filename}#sha256=${file.hashes.sha256}">${file.filename}</a>`, headers: { "content-type": "text/html" } };
          case "packed": return { ...answer({}, { "content-encoding": "gzip" }), body: gzipSync(answer().body) };
          case "moved": return { status: 302, body: "", headers: { location: `${origin}/strange/mark/pyox-extra/` } };
          case "yanked": return answer({ yanked: "withdrawn", "requires-python": ">=banana" });
          default: return { status: 404, body: "no such case" };
        }
      }
      case "html": return simple(rest[0], "text/html", origin);
      case "pypi": {
        const found = all.filter((wheel) => normalize(wheel.name) === normalize(rest[0]));
        if (found.length === 0) return { status: 404, body: "{}", headers: { "content-type": "application/json" } };
        const releases = Object.groupBy === undefined ? {} : Object.groupBy(found.map((wheel) => ({ ...details(origin)(wheel), version: wheel.version })), ({ version }) => version);
        if (Object.groupBy === undefined) for (const wheel of found) (releases[wheel.version] ??= []).push(details(origin)(wheel));
        return { body: JSON.stringify({ info: { name: rest[0] }, releases }), headers: { "content-type": "application/json" } };
      }
      case "files": return file(rest[0]);
      case "nocors": return { ...(await respond(`/${rest.map(encodeURIComponent).join("/")}`, request)), noCors: true };
      case "slow":
        await new Promise((resolve) => setTimeout(resolve, 50));
        return respond(`/${rest.map(encodeURIComponent).join("/")}`, request);
      case "status": return { status: Number(rest[0]), body: "as you wish" };
      case "flaky": {
        const count = (counts.get(rest[0]) ?? 0) + 1;
        counts.set(rest[0], count);
        return count <= 2 ? { status: 503, body: "busy" } : file(rest[1]);
      }
      case "counted":
        counts.set(rest[0], (counts.get(rest[0]) ?? 0) + 1);
        return file(rest[1]);
      case "count": return { body: String(counts.get(rest[0]) ?? 0), headers: { "content-type": "text/plain" } };
      case "cut": return { ...file(rest[0]), cut: true };
      case "half": {
        const whole = file(rest[0]);
        return { ...whole, body: whole.body.subarray(0, whole.body.length >> 1) };
      }
      case "native": return nativeFiles.includes(rest.join("/")) ? { body: readFileSync(path.join(native, ...rest)), headers: { "content-type": "application/wasm" } } : { status: 404, body: "no such library" };
      case "page": return { body: "<!doctype html><title>Sign in</title>", headers: { "content-type": "text/html" } };
      case "named":
        if (rest[0] === "files") return file(rest[1]);
      // The same under another name.
      case "lock.json": return { body: JSON.stringify(lockfile()), headers: { "content-type": "application/json" } };
      case "documented.json": {
        const named = standIns.filter(({ name }) => !all.some((wheel) => normalize(wheel.name) === normalize(name)));
        return { body: JSON.stringify(lockfile(named)), headers: { "content-type": "application/json" } };
      }
      default: return { status: 404, body: "not found" };
    }
  }

  const server = createServer((request, response) => {
    const address = new URL(request.url, "http://localhost").pathname;
    respond(address, request).then(
      ({ status = 200, headers = {}, body, noCors, cut }) => {
        const cors = noCors ? {} : { "access-control-allow-origin": request.headers.origin ?? "*", "access-control-allow-credentials": "true", "access-control-allow-headers": "*" };
        if (cut) {
          response.writeHead(status, { ...cors, ...headers, "content-length": Buffer.byteLength(body) });
          response.write(Buffer.from(body).subarray(0, 100), () => response.destroy());
          return;
        }
        response.writeHead(request.method === "OPTIONS" ? 204 : status, { "cache-control": "no-store", ...cors, ...headers });
        response.end(request.method === "OPTIONS" ? undefined : body);
      },
      (error) => {
        response.writeHead(500);
        response.end(String(error));
      },
    );
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    /** File names of the real wheels, by the normal form of the package's name. */
    files: Object.fromEntries(all.map((wheel) => [normalize(wheel.name), wheel.file])),
    /** The side modules that were built for the tests. */
    native: nativeFiles,
    /** Names of the odd answers. */
    odd: Object.keys(ODD),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
