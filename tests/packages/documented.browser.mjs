/**
 * The documented page of micropip, word for word: the browser asks the content delivery network and PyPI, and gets the
 * distribution and the local index.
 */
import { test } from "../harness/registry.mjs";

const PAGE = `<html>
  <head>
    <meta charset="utf-8" />
  </head>
  <body>
    <script type="text/javascript" src="https://cdn.jsdelivr.net/pyodide/dev/full/pyodide.js"></script>
    <script type="text/javascript">
      async function main() {
        let pyodide = await loadPyodide();
        await pyodide.loadPackage("micropip");
        const micropip = pyodide.pyimport("micropip");
        await micropip.install("snowballstemmer");
        await pyodide.runPython(\`
        import snowballstemmer
        stemmer = snowballstemmer.stemmer('english')
        print(stemmer.stemWords('go goes going gone'.split()))
      \`);
      }
      main();
    </script>
  </body>
</html>
`;

test("PKG-26 PKG-01 ENV-01 The documented page, from another host than the page's own", async ({ open, server, index, assert }) => {
  const { page, log } = await open("about:blank");
  const hosts = [["https://cdn.jsdelivr.net/pyodide/dev/full/", `${server.origin}/dist/`], ["https://pypi.org/", `${index.origin}/`]];
  const asked = new Set();
  for (const [host, place] of hosts) {
    await page.route(`${host}**`, async (route) => {
      const url = route.request().url();
      asked.add(url);
      const response = await route.fetch({ url: place + url.slice(host.length) });
      await route.fulfill({ response, headers: { ...response.headers(), "access-control-allow-origin": "*" } });
    });
  }
  await page.goto(server.add("micropip.html", PAGE));
  const said = () => log.filter(({ text }) => text.startsWith("["));
  for (let tries = 0; said().length === 0 && !log.some(({ type }) => type === "pageerror") && tries < 400; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual(said(), [{ type: "log", text: "['go', 'goe', 'go', 'gone']" }]);
  assert.deepEqual(log.filter(({ type }) => type === "error" || type === "pageerror" || type === "warning"), []);
  assert.ok(asked.has("https://pypi.org/simple/snowballstemmer/"), [...asked].join("\n"));
});
