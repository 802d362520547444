// The port StorePeer over DIMSE: C-STORE as SCU (PS3.7 9.1.1, PS3.4 annex B).
import { COMMAND, MEDIUM, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { StoreAssociation, StoreContext, StoredAs, StorePeer } from '../../core/ports/store-peer.ts';
import type { AgreedContext } from './agreement.ts';
import { Association, type DataSource, type Patience, STORE_PATIENCE } from './association.ts';
import type { Peer } from './connection.ts';

/** On whose behalf instances are sent, where that is a C-MOVE (PS3.7 9.1.1.1). */
export interface MoveOriginator {
  readonly MoveOriginatorApplicationEntityTitle: string;
  readonly MoveOriginatorMessageID: number;
}

export class DimseStorePeer implements StorePeer {
  private readonly peer: Peer;
  private readonly patience: Patience;
  private readonly originator: MoveOriginator | undefined;

  constructor(peer: Peer, patience: Patience = STORE_PATIENCE, originator?: MoveOriginator) {
    this.peer = peer;
    this.patience = patience;
    this.originator = originator;
  }

  async open(contexts: readonly StoreContext[], signal?: AbortSignal): Promise<StoreAssociation> {
    const proposed = contexts.map(({ SOPClassUID, transferSyntaxes }, i) => ({
      id: 2 * i + 1,
      abstractSyntax: SOPClassUID,
      transferSyntaxes,
    }));
    const association = await Association.open(this.peer, { contexts: proposed }, this.patience, { signal });
    return new DimseStoreAssociation(association, this.originator);
  }
}

export class DimseStoreAssociation implements StoreAssociation {
  private readonly association: Association;
  /** By SOP class. */
  private readonly contexts = new Map<string, AgreedContext[]>();

  private readonly originator: MoveOriginator | undefined;

  constructor(association: Association, originator?: MoveOriginator) {
    this.association = association;
    this.originator = originator;
    for (const context of association.contexts.values()) {
      const known = this.contexts.get(context.abstractSyntax);
      if (known === undefined) this.contexts.set(context.abstractSyntax, [context]);
      else known.push(context);
    }
  }

  get isOpen(): boolean {
    return this.association.isOpen;
  }

  accepted(SOPClassUID: string): readonly string[] {
    return (this.contexts.get(SOPClassUID) ?? []).map(({ transferSyntax }) => transferSyntax);
  }

  async store({ SOPClassUID, SOPInstanceUID, transferSyntax }: StoredAs, dataSet: DataSource): Promise<number> {
    const { association } = this;
    const context = this.contexts.get(SOPClassUID)!.find((one) => one.transferSyntax === transferSyntax)!;
    const command = {
      AffectedSOPClassUID: SOPClassUID,
      CommandField: COMMAND.storeRequest,
      MessageID: association.nextMessageId(),
      Priority: MEDIUM,
      CommandDataSetType: WITH_DATA_SET,
      AffectedSOPInstanceUID: SOPInstanceUID,
      ...this.originator,
    };
    const { Status } = await association.request(context.id, command, dataSet);
    if (Status !== undefined) return Status;
    throw ditagError('not-dicom', { peer: association.name, reason: 'its answer has no status' });
  }

  release(): Promise<void> {
    return this.association.release();
  }

  abort(): void {
    this.association.abort();
  }
}
