// C-ECHO as SCU (PS3.7 9.1.5): does the peer answer, to these AE titles?
import { COMMAND, NO_DATA_SET } from '../../core/dimse/command-set.ts';
import { contextText, statusText } from '../../core/dimse/reasons.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION } from '../../core/dimse/uids.ts';
import { ditagError } from '../../core/errors/errors.ts';
import { Association, type Patience } from './association.ts';
import type { Peer } from './connection.ts';

const CONTEXT = {
  id: 1,
  abstractSyntax: VERIFICATION,
  transferSyntaxes: [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN],
};

/** Resolves when the peer has answered with success. Throws what `Association.open` throws, and `no-echo`. */
export async function echo(peer: Peer, patience?: Patience): Promise<void> {
  const association = await Association.open(peer, { contexts: [CONTEXT] }, patience);
  const refuse = (reason: string) => ditagError('no-echo', { peer: association.name, reason });
  try {
    const context = association.answered.get(CONTEXT.id);
    if (context === undefined) throw refuse('it said nothing of verification');
    if (context.result !== 0) throw refuse(contextText(context.result));
    const { Status } = await association.request(CONTEXT.id, {
      AffectedSOPClassUID: VERIFICATION,
      CommandField: COMMAND.echoRequest,
      MessageID: association.nextMessageId(),
      CommandDataSetType: NO_DATA_SET,
    });
    if (Status !== 0) throw refuse(Status === undefined ? 'its answer has no status' : statusText(Status));
  } catch (error) {
    association.abort();
    throw error;
  }
  await association.release();
}
