/**
 * The internet of the documented pages: what they ask of the content delivery network and of PyPI is answered by the local servers.
 * Owns: which address stands for which. Packages without a wheel are stand-ins (`documented()` of harness/index-server.mjs).
 */

/** Routes the documented hosts for a page, its workers and its frames. Resolves to the set of addresses that are asked for. */
export async function serveDocumentedHosts(page, { server, index, lockfile }) {
  const network = "https://cdn.jsdelivr.net/pyodide/dev/full/";
  const hosts = [[`${network}files/`, `${index?.origin}/files/`], [network, `${server.origin}/dist/`], ["https://pypi.org/", `${index?.origin}/`]];
  if (lockfile !== undefined) hosts.unshift([`${network}pyodide-lock.json`, lockfile]);
  const asked = new Set();
  for (const pattern of [`${network}**`, "https://pypi.org/**"]) {
    await page.context().route(pattern, async (route) => {
      const url = route.request().url();
      asked.add(url);
      const [host, place] = hosts.find(([prefix]) => url.startsWith(prefix));
      const response = await route.fetch({ url: place + url.slice(host.length) });
      await route.fulfill({ response, headers: { ...response.headers(), "access-control-allow-origin": "*" } });
    });
  }
  return asked;
}

/** Waits until the console of a page has said something that fits, and answers it; fails with all that it said. */
export async function said(log, pattern, seconds = 60) {
  for (let tries = 0; tries < seconds * 20; tries++) {
    const found = log.find(({ text }) => pattern.test(text));
    if (found !== undefined) return found;
    // Firefox tells a page of requests that its service worker refused, as the documented one does until it is ready.
    const broken = log.find(({ type, text }) => type === "pageerror" && !text.includes("passed a promise to FetchEvent.respondWith()"));
    if (broken !== undefined) throw new Error(`The page failed: ${broken.text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Nothing of this is ${pattern}: ${JSON.stringify(log)}`);
}
