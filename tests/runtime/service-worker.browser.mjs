/**
 * The documented service workers, classic and module, word for word except for paths; and what becomes of one that starts again.
 */
import { test } from "../harness/registry.mjs";

const PAGE = `<!doctype html>
<html>
  <head>
    <script>
      /* UPDATE PATHS TO POINT TO YOUR ASSETS */
      const SERVICE_WORKER_PATH = "./sw.js";
      const JSON_FILE_PATH = "./data.json";
      /* IF USING MODULE-TYPE SERVICE WORKER, REPLACE THESE OPTIONS */
      const REGISTRATION_OPTIONS = OPTIONS;

      // modified snippet from
      // https://developer.mozilla.org/en-US/docs/Web/API/Service_Worker_API/Using_Service_Workers
      async function registerServiceWorker() {
        if ("serviceWorker" in navigator) {
          try {
            const registration = await navigator.serviceWorker.register(
              SERVICE_WORKER_PATH,
              REGISTRATION_OPTIONS,
            );
            if (registration.installing) {
              console.log("Service worker installing");
            } else if (registration.waiting) {
              console.log("Service worker installed");
            } else if (registration.active) {
              console.log("Service worker active");
            }
          } catch (error) {
            console.error(\`Registration failed with \${error}\`);
          }
        }
      }

      async function fetchAndLogData() {
        try {
          console.log(await (await fetch(JSON_FILE_PATH)).json());
        } catch (e) {
          console.error("Failed to fetch", e);
        }
      }

      registerServiceWorker();
    </script>
  </head>

  <body>
    <button onclick="fetchAndLogData()">Fetch and log data</button>
  </body>
</html>
`;

const CLASSIC_IMPORTS = `
importScripts("/tests/node_modules/xhr-shim/src/index.js");
self.XMLHttpRequest = self.XMLHttpRequestShim;
importScripts("/dist/pyodide.js");
// importScripts("/dist/pyodide.asm.js"); // if loading Pyodide after installation phase, you'll need to import this too
`;

const MODULE_IMPORTS = `
import "/tests/node_modules/xhr-shim/src/index.js";
self.XMLHttpRequest = self.XMLHttpRequestShim;
import "/dist/pyodide.asm.js"; // IMPORTANT: This is compulsory in a module-type service worker, which cannot use importScripts
import { loadPyodide } from "/dist/pyodide.mjs"; // Note the .mjs extension
`;

const WORKER = `
let modifyData;
let pyodide;
loadPyodide({}).then((_pyodide) => {
  pyodide = _pyodide;
  let namespace = pyodide.globals.get("dict")();

  pyodide.runPython(
    \`
    import json

    counter = 0
    def modify_data(data):
        global counter
        counter += 1
        dict = data.to_py()
        dict['count'] = counter
        return dict
    \`,
    { globals: namespace },
  );

  // assign the modify_data function from the Python context to a Javascript variable
  modifyData = namespace.get("modify_data");
  namespace.destroy();
});

self.addEventListener("fetch", (event) => {
  if (event.request.url.endsWith("json")) {
    if (!modifyData) {
      // For this example, throw so it's clear that the worker isn't ready to modify responses
      // This is because we don't want to return a response that isn't modified yet
      // If your service worker would return the same response as a server (eg. it's just performing calculations closer to home)
      // then you may want to let the event through without doing anything
      event.respondWith(
        Promise.reject("Python code isn't set up yet, try again in a bit"),
      );
    } else {
      event.respondWith(
        // We aren't using the async await syntax because event.respondWith needs to respond synchronously
        // it can't be executing after an awaited promise within the fetch event handler, otherwise you'll get this
        // Uncaught (in promise) DOMException: Failed to execute 'respondWith' on 'FetchEvent': The event has already been responded to
        fetch(event.request)
          .then((v) => v.json())
          .then((originalData) => {
            let proxy = modifyData(originalData);
            let pyproxies = [];

            // Because toJs gives us a Map, we transform it to a plain Javascript object before changing it to JSON
            let result = JSON.stringify(
              Object.fromEntries(
                proxy.toJs({
                  pyproxies,
                }),
              ),
            );
            // Craft the new JSON response
            return new Response(result, {
              headers: { "Content-Type": "application/json" },
            });
          }),
      );
    }
  }
});

// Code below is for easy iteration during development, you may want to remove or modify in a prod environment:

// Immediately become the active service worker once installed, so we don't have a stale service worker intercepting requests
// You can remove this code and achieve a similar thing by enabling "Update on Reload" in devtools, if supported:
// https://web.dev/service-worker-lifecycle/#update-on-reload
self.addEventListener("install", function () {
  self.skipWaiting();
});

// With this, we won't need to reload the page before the service worker can intercept fetch requests
// https://developer.mozilla.org/en-US/docs/Web/API/Clients/claim#examples
self.addEventListener("activate", function (event) {
  event.waitUntil(self.clients.claim());
});
`;

/** Opens the documented page with a worker, in a folder of its own. */
async function openWith({ open, server }, folder, imports, options) {
  server.add(`${folder}/data.json`, JSON.stringify({ name: "Jem" }));
  server.add(`${folder}/sw.js`, imports + WORKER);
  const opened = await open(server.add(`${folder}/index.html`, PAGE.replace("= OPTIONS;", `= ${JSON.stringify(options)};`)));
  await opened.page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, { timeout: 20_000 });
  return opened;
}

/** Asks until Python in the worker answers, as the page's user would. */
function fetchUntilModified(page) {
  return page.evaluate(async () => {
    for (let attempt = 0; attempt < 200; attempt++) {
      try {
        return await (await fetch(JSON_FILE_PATH)).json();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    return "the worker never became ready";
  });
}

for (const [row, kind, imports, options] of [
  ["ENV-23", "classic", CLASSIC_IMPORTS, { scope: "./" }],
  ["ENV-24", "module", MODULE_IMPORTS, { scope: "./", type: "module" }],
]) {
  test(`${row} The documented ${kind} service worker changes what a page fetches`, async ({ open, server, assert }) => {
    const { page, log } = await openWith({ open, server }, `sw-${kind}`, imports, options);
    assert.deepEqual(await fetchUntilModified(page), { name: "Jem", count: 1 });
    await page.click("button");
    await page.waitForFunction(async () => (await (await fetch(JSON_FILE_PATH)).json()).count === 3);
    assert.ok(log.some(({ text }) => /count: 2/.test(text)), JSON.stringify(log));
    assert.deepEqual(log.filter(({ type }) => type === "pageerror"), []);
  });

  test(`${row} A ${kind} service worker that was stopped starts again`, async ({ open, server, assert }) => {
    const { page } = await openWith({ open, server }, `sw-again-${kind}`, imports, options);
    assert.deepEqual(await fetchUntilModified(page), { name: "Jem", count: 1 });
    const session = await page.context().newCDPSession(page);
    await session.send("ServiceWorker.enable");
    await session.send("ServiceWorker.stopAllWorkers");
    // By now it is activated: a classic worker may import only the scripts that it imported before.
    assert.deepEqual(await fetchUntilModified(page), { name: "Jem", count: 1 });
  });
}

test("ENV-23 ENV-24 A service worker that loads too late is told what to import", async ({ open, server, assert }) => {
  const late = `
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", async (event) => {
  try {
    await loadPyodide();
    event.source.postMessage("loaded");
  } catch (error) {
    event.source.postMessage(error.message);
  }
});`;
  const ask = async (folder, imports, options) => {
    server.add(`${folder}/sw.js`, imports + late);
    const { page } = await open(server.add(`${folder}/index.html`, "<!doctype html>"));
    return page.evaluate(async (registration) => {
      await navigator.serviceWorker.register("./sw.js", registration);
      if (navigator.serviceWorker.controller === null) {
        await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
      }
      const answer = new Promise((resolve) => {
        navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
      });
      navigator.serviceWorker.controller.postMessage("load");
      return answer;
    }, options);
  };
  const classic = await ask("sw-late", `importScripts("/dist/pyodide.js");`, {});
  assert.includes(classic, 'importScripts("./pyodide.asm.js")');
  const module = await ask("sw-late-module", `import { loadPyodide } from "/dist/pyodide.mjs";`, { type: "module" });
  assert.includes(module, 'import "./pyodide.asm.js"');
  assert.equal(await ask("sw-late-good", `importScripts("/dist/pyodide.js", "/dist/pyodide.asm.js");`, {}), "loaded");
  assert.equal(await ask("sw-late-mjs", `import "/dist/pyodide.asm.mjs"; import { loadPyodide } from "/dist/pyodide.mjs";`, { type: "module" }), "loaded");
});
