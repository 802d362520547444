// C-STORE as its acceptor takes it (PS3.7 9.1.1, PS3.4 annex B): from whoever has opened the association, and over a
// C-GET from whoever was asked.
import { type CommandSet, NO_DATA_SET } from '../../core/dimse/command-set.ts';
import { isStorageClass } from '../../core/dimse/negotiation.ts';
import { PduError } from '../../core/dimse/pdu.ts';
import { STATUS } from '../../core/dimse/statuses.ts';
import type { AdmittedPeer } from '../../core/ports/scp.ts';
import type { AgreedContext } from './agreement.ts';
import type { DataTaker } from './data-taker.ts';

/** Who sends, and who takes it. */
export interface Storing {
  readonly peer: Pick<AdmittedPeer, 'rights' | 'receive' | 'refused'>;
  readonly sourceAETitle: string;
  /** Answers the request: at once, or when the instance is stored. */
  readonly answer: (request: CommandSet, status: number | Promise<number>) => void;
}

/** Takes one instance; undefined where it is refused. Throws PduError. */
export function takeStore(
  command: CommandSet,
  { abstractSyntax, transferSyntax }: AgreedContext,
  { peer, sourceAETitle, answer }: Storing,
): DataTaker | undefined {
  const { AffectedSOPClassUID: SOPClassUID, AffectedSOPInstanceUID: SOPInstanceUID = '' } = command;
  if ((command.CommandDataSetType ?? NO_DATA_SET) === NO_DATA_SET)
    throw new PduError('it sent a C-STORE without a data set');
  const refuse = (status: number) => {
    peer.refused(status);
    answer(command, status);
    return undefined;
  };
  if (SOPClassUID !== abstractSyntax || !isStorageClass(abstractSyntax)) return refuse(STATUS.sopClassNotSupported);
  // Its context may have been accepted for what it gets, not for what it stores.
  if (!peer.rights.has('store')) return refuse(STATUS.notAuthorized);
  const receiving = peer.receive({ SOPClassUID, SOPInstanceUID, transferSyntaxUID: transferSyntax, sourceAETitle });
  return {
    write: (bytes) => receiving.write(bytes),
    drained: () => receiving.drained(),
    lost: () => receiving.lost(),
    end: () => answer({ ...command, AffectedSOPInstanceUID: SOPInstanceUID }, receiving.end()),
  };
}
