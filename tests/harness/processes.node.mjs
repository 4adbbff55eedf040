/**
 * Nothing that a test starts outlives it, whatever becomes of the test.
 */
import { existsSync, readFileSync } from "node:fs";
import { Session } from "./execute.mjs";
import { endAll, start } from "./processes.mjs";
import { launcher } from "./python-command.mjs";
import { configure, test } from "./registry.mjs";

configure({ noInterpreter: true });

const ends = (child) => new Promise((resolve) => child.on("close", (code, signal) => resolve(signal)));

test("HARNESS A process is ended with the test that started it", async ({ assert, env }) => {
  const started = [];
  const idle = () => void started.push(start(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" }));
  configure({ noInterpreter: true });
  test("X passes", idle);
  test("X fails", () => {
    idle();
    throw new Error("for the test");
  });
  test("X takes too long", { timeout: 0.05 }, () => {
    idle();
    return new Promise(() => {});
  });
  const events = [];
  const ended = [];
  await new Session({ env, emit: (event) => events.push(event.kind), afterCase: () => (ended.push(...started.splice(0).map(ends)), endAll()) }).run();
  assert.deepEqual(events, ["start", "pass", "start", "fail", "start", "fail"]);
  assert.deepEqual(await Promise.all(ended), ["SIGKILL", "SIGKILL", "SIGKILL"]);
});

test("HARNESS CLI A prompt in a terminal, busy or not, ends with its terminal", { timeout: 240 }, async ({ dist, assert, skip }) => {
  if (!existsSync("/usr/bin/script")) skip("CLI: there is no `script` command to make a terminal with");
  if (!existsSync("/proc/self/task")) skip("CLI: this system does not say who has started whom");
  for (const [typed, said] of [["40 + 2\r", /42\s+>>> $/], ["print(40 + 2, flush=True); exec('while True: pass')\r", /^42\s/m]]) {
    const command = `exec ${[...launcher(dist), "-q"].map((text) => `'${text}'`).join(" ")}`;
    const child = start("/usr/bin/script", ["-qec", command, "/dev/null"], { env: { ...process.env, PYTHON_BASIC_REPL: "1", TERM: "dumb" }, stdio: ["pipe", "pipe", "inherit"] });
    await new Promise((resolve) => {
      let text = "";
      child.stdout.on("data", (data) => {
        if (text === "") child.stdin.write(typed);
        text += data;
        if (said.test(text)) resolve();
      });
    });
    const [pid] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ").map(Number);
    assert.equal(isAlive(pid), true);
    child.kill("SIGKILL");
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(isAlive(pid), false);
  }
});

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
