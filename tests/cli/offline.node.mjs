/**
 * `cargo xtask offline`: a folder with packages that works without any other network.
 */
import { readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inFolder, runPython } from "../harness/python-command.mjs";
import { start } from "../harness/processes.mjs";
import { configure, test } from "../harness/registry.mjs";

configure({ noInterpreter: true });

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

function xtask(cwd, ...args) {
  return new Promise((resolve, reject) => {
    const child = start("cargo", ["run", "--quiet", "--locked", "--manifest-path", path.join(CHECKOUT, "Cargo.toml"), "-p", "xtask", "--", ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

const WRITE_WHEELS = `
import zipfile
def wheel(name, body, *requires):
    with zipfile.ZipFile(f"{name}-1.0-py3-none-any.whl", "w") as z:
        z.writestr(f"{name}/__init__.py", body)
        lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requires)]
        z.writestr(f"{name}-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\n" + "\\n".join(lines) + "\\n")
        z.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        z.writestr(f"{name}-1.0.dist-info/RECORD", "")
wheel("px_top", "import px_base\\nvalue = px_base.value + 1", "px_base>=1", "px_never; sys_platform != 'emscripten'")
wheel("px_base", "value = 41")
wheel("px_needy", "", "px_base>=2")
wheel("px_other", "import px_base\\nvalue = px_base.value + 2", "px_base")
wheel("px_alone", "value = 1")
`;

test("PKG-31 CLI-054 An offline folder from wheels, and from pylock.toml", async ({ dist, assert }) => {
  await inFolder({}, async (folder) => {
    const written = await runPython(dist, ["-c", WRITE_WHEELS], { cwd: folder });
    assert.equal(written.err, "");
    const digest = async (name) => createHash("sha256").update(await readFile(path.join(folder, name))).digest("hex");
    const entry = async (name) => `[[packages]]\nname = "${name}"\nversion = "1.0"\n[[packages.wheels]]\npath = "${name}-1.0-py3-none-any.whl"\nhashes = { sha256 = "${await digest(`${name}-1.0-py3-none-any.whl`)}" }\n`;
    const pylock = `lock-version = "1.0"\ncreated-by = "test"\n${await entry("px_top")}${await entry("px_base")}`;
    await writeFile(path.join(folder, "pylock.toml"), pylock);

    const made = await xtask(folder, "offline", "--out", "site", "--pylock", "pylock.toml");
    assert.equal(made.code, 0, made.err);
    assert.match(made.out, /^px_base 1\.0\npx_top 1\.0\n/);
    const lock = JSON.parse(await readFile(path.join(folder, "site/pyodide-lock.json"), "utf8"));
    assert.deepEqual(lock.packages["px-top"].depends, ["px-base"]);
    const { loadPyodide } = await import(pathToFileURL(path.join(folder, "site/pyodide.mjs")));
    const py = await loadPyodide({ packages: ["px-top"] });
    assert.equal(py.runPython("import px_top; px_top.value"), 42);

    // What is asked for besides comes on top of what is locked, which stays whole.
    await writeFile(path.join(folder, "pylock.toml"), `${pylock}${await entry("px_alone")}`);
    const more = await xtask(folder, "offline", "--out", "site", "--pylock", "pylock.toml", "px_other-1.0-py3-none-any.whl");
    assert.equal(more.code, 0, more.err);
    assert.match(more.out, /^px_alone 1\.0\npx_base 1\.0\npx_other 1\.0\npx_top 1\.0\n/);
    const before = await readFile(path.join(folder, "site/pyodide-lock.json"), "utf8");

    // A name that leads out of the folder for wheels.
    await writeFile(path.join(folder, "pylock.toml"), pylock.replace("[[packages.wheels]]", '[[packages.wheels]]\nname = "../../px_top-1.0-py3-none-any.whl"'));
    const out = await xtask(folder, "offline", "--out", "site", "--pylock", "pylock.toml");
    assert.equal(out.code, 1);
    assert.match(out.err, /`px_top` has a wheel of the name `\.\.\/\.\.\/px_top-1\.0-py3-none-any\.whl`; expected a bare file name/);

    await writeFile(path.join(folder, "pylock.toml"), pylock.replace(await digest("px_base-1.0-py3-none-any.whl"), "0".repeat(64)));
    const wrong = await xtask(folder, "offline", "--out", "site", "--pylock", "pylock.toml");
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /`px_base-1.0-py3-none-any.whl` has the SHA-256 \w+, but 0{64} was expected/);
    assert.equal(await readFile(path.join(folder, "site/pyodide-lock.json"), "utf8"), before, "what was there stays");
  });
});

test("CLI-055 What an offline folder cannot hold is refused by name", async ({ dist, assert }) => {
  await inFolder({ "full/something.txt": "mine" }, async (folder) => {
    await runPython(dist, ["-c", WRITE_WHEELS], { cwd: folder });
    const into = await xtask(folder, "offline", "--out", "full", "px_base-1.0-py3-none-any.whl");
    assert.match(into.err, /full` is not empty and no distribution/);
    assert.equal(await readFile(path.join(folder, "full/something.txt"), "utf8"), "mine");
    const nothing = await xtask(folder, "offline");
    assert.match(nothing.err, /There is nothing to add/);
    const lost = await xtask(folder, "offline", "lost-1-py3-none-any.whl");
    assert.match(lost.err, /Could not copy the wheel `lost-1-py3-none-any.whl`/);
  });
});
