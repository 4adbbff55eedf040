/**
 * Permissions: what this program may do without anybody being asked, in hosts that have programs ask (Deno).
 * Not here: what is refused when it is tried, which every host does.
 * Invariant: asking here never shows a question to the user, as Deno does where a program just tries.
 */

/** What Deno calls a permission; without more, that for all variables or paths. */
export type Permission = { readonly name: "env"; readonly variable?: string } | { readonly name: "read" | "write"; readonly path?: string };

interface DenoLike {
  readonly permissions?: { querySync?(permission: Permission): { readonly state: string } };
}

/** True in hosts without such permissions. */
export function isGranted(permission: Permission): boolean {
  const { permissions } = (globalThis as { Deno?: DenoLike }).Deno ?? {};
  return permissions?.querySync === undefined || permissions.querySync(permission).state === "granted";
}
