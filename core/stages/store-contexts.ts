// Which presentation contexts are proposed to a Storage SCP: what the files are, as they turn up, and for uncompressed ones
// a further one in which the peer may take any of the uncompressed transfer syntaxes. An association has room for 128;
// where that is too few, those that were needed last are proposed.
import { canReEncode } from '../dicom/re-encode.ts';
import { type TransferSyntax, transferSyntax } from '../dicom/transfer-syntaxes.ts';
import type { StoreContext } from '../ports/store-peer.ts';

/** Ids are odd, from 1 to 255 (PS3.8 9.3.2.2). */
export const MOST_CONTEXTS = 128;
/** In the order in which they are preferred. */
export const UNCOMPRESSED = [
  '1.2.840.10008.1.2.1',
  '1.2.840.10008.1.2',
  '1.2.840.10008.1.2.1.99',
  '1.2.840.10008.1.2.2',
];

export class StoreContexts {
  /** The ones needed last stand last. */
  private readonly wanted = new Map<string, StoreContext>();

  /** Notes that an instance of this class and syntax is to be sent. */
  need(SOPClassUID: string, syntax: TransferSyntax): void {
    this.touch({ SOPClassUID, transferSyntaxes: [syntax.uid] });
    if (!syntax.encapsulated) this.touch({ SOPClassUID, transferSyntaxes: UNCOMPRESSED });
  }

  private touch(context: StoreContext): void {
    const key = keyOf(context);
    this.wanted.delete(key);
    this.wanted.set(key, context);
  }

  /** What to propose now. */
  proposal(): StoreContext[] {
    return [...this.wanted.values()].slice(-MOST_CONTEXTS);
  }
}

/** Whether instances of a class and syntax have a context in a proposal, accepted or not. */
export function isProposed(proposal: readonly StoreContext[], SOPClassUID: string, { uid }: TransferSyntax): boolean {
  return proposal.some(
    (context) =>
      context.SOPClassUID === SOPClassUID &&
      context.transferSyntaxes[0] === uid &&
      context.transferSyntaxes.length === 1,
  );
}

/** In which of the accepted syntaxes an instance goes: its own, else one that it can be re-encoded to; undefined: none. */
export function chooseSyntax(own: TransferSyntax, accepted: readonly string[]): TransferSyntax | undefined {
  if (accepted.includes(own.uid)) return own;
  for (const uid of UNCOMPRESSED) {
    const other = accepted.includes(uid) ? transferSyntax(uid) : undefined;
    if (other !== undefined && canReEncode(own, other)) return other;
  }
  return undefined;
}

function keyOf({ SOPClassUID, transferSyntaxes }: StoreContext): string {
  return `${SOPClassUID} ${transferSyntaxes.join(' ')}`;
}
