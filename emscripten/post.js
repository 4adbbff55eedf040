
// Module service workers have no dynamic import: they import this file statically, and the loader finds it here.
if (typeof ServiceWorkerGlobalScope === "function" && globalThis instanceof ServiceWorkerGlobalScope) {
  globalThis._createPyodideModule = createModule;
}
