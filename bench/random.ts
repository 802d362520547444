/**
 * Chance that comes out the same every time. Values of a row are drawn from
 * (seed, row, salt) without any state, so that row 900,000 can be made without
 * the rows before it and millions of rows need no memory. Between the rows of
 * one seed and salt nothing repeats, which is what makes UIDs unique.
 */

/** 32 well-mixed bits of three numbers (the finisher of MurmurHash3). */
export function mix(seed: number, row: number, salt: number): number {
  let hash =
    Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^
    Math.imul(row + 0x7f4a7c15, 0xc2b2ae35) ^
    Math.imul(salt + 1, 0x27d4eb2f);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A number from 0 up to, not including, 1. */
export function fraction(seed: number, row: number, salt: number): number {
  return mix(seed, row, salt) / 2 ** 32;
}

/** A whole number from `low` to `high`, both included. */
export function whole(seed: number, row: number, salt: number, low: number, high: number): number {
  return low + Math.floor(fraction(seed, row, salt) * (high - low + 1));
}

/** A rank from 0 to `count` - 1, where rank r is about 1/(r + 1) as frequent as rank 0 (Zipf's law). */
export function zipf(seed: number, row: number, salt: number, count: number): number {
  return Math.min(count - 1, Math.floor((count + 1) ** fraction(seed, row, salt)) - 1);
}

/** `length` decimal digits, the first not 0. */
export function digits(seed: number, row: number, salt: number, length: number): string {
  let text = String(1 + (mix(seed, row, salt) % 9));
  for (let part = 1; text.length < length; part++)
    text += String(mix(seed, row, salt + part * 7919))
      .padStart(9, '0')
      .slice(-9);
  return text.slice(0, length);
}
