// The requestor of a C-GET as the one who takes instances: its own association, over which it is the SCP of C-STORE
// (PS3.4 C.4.3, role selection of PS3.7 D.3.3.4).
import type { StoreAssociation, StorePeer } from '../../core/ports/store-peer.ts';
import type { Association } from './association.ts';
import { DimseStoreAssociation } from './store-scu.ts';

export class GetPeer implements StorePeer {
  private readonly association: Association;
  private readonly taken: ReadonlySet<string>;

  /** @param taken SOP classes for which the requestor has the role of an SCP */
  constructor(association: Association, taken: ReadonlySet<string>) {
    this.association = association;
    this.taken = taken;
  }

  /** What may be stored was agreed on when the association began. */
  async open(): Promise<StoreAssociation> {
    return new OverItsAssociation(this.association, this.taken);
  }
}

class OverItsAssociation extends DimseStoreAssociation {
  private readonly taken: ReadonlySet<string>;

  constructor(association: Association, taken: ReadonlySet<string>) {
    super(association);
    this.taken = taken;
  }

  /** Without the role its contexts are those in which it sends (PS3.7 D.3.3.4). */
  override accepted(SOPClassUID: string): readonly string[] {
    return this.taken.has(SOPClassUID) ? super.accepted(SOPClassUID) : [];
  }

  refusal(SOPClassUID: string): string | undefined {
    const isAgreed = super.accepted(SOPClassUID).length > 0;
    return isAgreed && !this.taken.has(SOPClassUID)
      ? 'the peer did not propose the SCP role, as C-GET needs'
      : undefined;
  }

  /** Whoever has asked for it ends it. */
  override async release(): Promise<void> {}
}
