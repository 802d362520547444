// The requestor of a C-GET as the one who takes instances: its own association, over which it is the SCP of C-STORE
// (PS3.4 C.4.3, role selection of PS3.7 D.3.3.4).
import type { StoreAssociation, StorePeer } from '../../core/ports/store-peer.ts';
import type { Association } from './association.ts';
import { DimseStoreAssociation } from './store-scu.ts';

export class GetPeer implements StorePeer {
  private readonly association: Association;

  constructor(association: Association) {
    this.association = association;
  }

  /** What may be stored was agreed on when the association began. */
  async open(): Promise<StoreAssociation> {
    return new OverItsAssociation(this.association);
  }
}

class OverItsAssociation extends DimseStoreAssociation {
  /** Whoever has asked for it ends it. */
  override async release(): Promise<void> {}
}
