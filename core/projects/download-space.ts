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

/** Bytes that are still to come, and of one instance; undefined where they fit into what may be used. */
export function shortage(
  { expected, received, bytes }: StillToCome,
  usable: number,
): { readonly needed: number; readonly each: number } | undefined {
  const each = received > 0 ? bytes / received : USUAL_SIZE;
  const needed = each * (expected - received);
  return needed <= usable ? undefined : { needed, each };
}
