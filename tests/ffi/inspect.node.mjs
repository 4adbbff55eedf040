/**
 * What Node's console says of a PyProxy: it looks at it without running what the program did not ask for, and never throws.
 * Not here: `toString` and JSON (spec/pyproxy.md).
 */
import { inspect } from "node:util";

import { test } from "../harness/registry.mjs";

test("JS-050 ENV-35 console.log and util.inspect name the object, also one whose repr raises", ({ py, own, assert }) => {
  const list = own(py.runPython("[1, 'a']"));
  assert.equal(inspect(list), "PyProxy <list> [1, 'a']");
  assert.equal(inspect({ list }), "{ list: PyProxy <list> [1, 'a'] }");
  const silent = own(py.runPython("class Silent:\n    def __repr__(self): raise LookupError('no')\nSilent()"));
  assert.equal(inspect([silent]), "[ PyProxy <Silent> (repr raised LookupError) ]");
  const gone = py.runPython("[2]");
  gone.destroy();
  assert.equal(inspect(gone), "PyProxy <destroyed>");
});
