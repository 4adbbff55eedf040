/**
 * Checksum of files that are read at every start.
 * Not here: hashes that somebody could want to forge (packages/download.ts).
 */

/**
 * Sum of words, each with its place, in four lanes. It finds damage, it is no proof against intent.
 * PERF: runs over some megabytes at every start; independent lanes of small integers are what compilers of JavaScript do best.
 */
export function checksum(words: Uint32Array, from: number): number {
  let a = 1;
  let b = 2;
  let c = 3;
  let d = 4;
  const end = words.length - ((words.length - from) % 4);
  let index = from;
  for (; index < end; index += 4) {
    a = Math.imul(a ^ (words[index] as number), 0x01000193);
    b = Math.imul(b ^ (words[index + 1] as number), 0x01000193);
    c = Math.imul(c ^ (words[index + 2] as number), 0x01000193);
    d = Math.imul(d ^ (words[index + 3] as number), 0x01000193);
  }
  for (; index < words.length; index++) {
    a = Math.imul(a ^ (words[index] as number), 0x01000193);
  }
  let sum = 0;
  for (const lane of [a, b, c, d]) {
    sum = Math.imul(sum ^ lane ^ (lane >>> 15), 0x85ebca6b);
  }
  return sum >>> 0;
}

