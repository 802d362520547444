// Whether a download will find room: a PACS does not say how large instances are, so it is judged by those that have come.

/** What an instance is taken for before any has come (bytes). */
const USUAL_SIZE = 524_288;

export interface StillToCome {
  /** Instances. */
  readonly expected: number;
  readonly received: number;
  /** Of those that have come. */
  readonly bytes: number;
}

/** A sentence for whoever begins a download that will not find room; undefined where it will. */
export function shortageText(counts: StillToCome, usable: number): string | undefined {
  const short = shortage(counts, usable);
  if (short === undefined) return undefined;
  const gigabytes = (value: number) => `${Math.max(0, value / 1e9).toFixed(1)} GB`;
  return `About ${gigabytes(short.needed)} are still to come (${Math.round(short.each / 1000)} kB an instance), and ${gigabytes(usable)} may be used. The download stops when they are.`;
}

/** Bytes that are still to come, and of one instance; undefined where they fit into what may be used. */
export function shortage(
  { expected, received, bytes }: StillToCome,
  usable: number,
): { readonly needed: number; readonly each: number } | undefined {
  const each = received > 0 ? bytes / received : USUAL_SIZE;
  const needed = each * (expected - received);
  return needed <= usable ? undefined : { needed, each };
}
