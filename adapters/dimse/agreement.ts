// What the sides of an association say of themselves, and the presentation contexts on which they agree (PS3.8 9.3.2, 9.3.3).
import type {
  AnsweredContext,
  AssociateAccept,
  AssociateRequest,
  ProposedContext,
  Role,
} from '../../core/dimse/pdu.ts';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from '../../core/dimse/uids.ts';
import type { Peer } from './connection.ts';
import { MAXIMUM_LENGTH } from './upper-layer.ts';

/** A presentation context in which both will speak. */
export interface AgreedContext {
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntax: string;
}

/** What either side says of itself here (PS3.7 D.3.3). */
const OURS = {
  maximumLength: MAXIMUM_LENGTH,
  implementationClassUID: IMPLEMENTATION_CLASS_UID,
  implementationVersionName: IMPLEMENTATION_VERSION_NAME,
};

/** What a requestor asks for. */
export function request(
  { calledAETitle, callingAETitle }: Peer,
  proposal: { readonly contexts: readonly ProposedContext[]; readonly roles?: readonly Role[] },
): AssociateRequest {
  return { pdu: 'associate-request', calledAETitle, callingAETitle, ...proposal, ...OURS };
}

/** The contexts on which both agree, by id. */
export function agreed(
  proposed: ReadonlyMap<number, ProposedContext>,
  answered: ReadonlyMap<number, AnsweredContext>,
): Map<number, AgreedContext> {
  const contexts = new Map<number, AgreedContext>();
  for (const { id, result, transferSyntax } of answered.values()) {
    const known = proposed.get(id);
    if (known !== undefined && result === 0)
      contexts.set(id, { id, abstractSyntax: known.abstractSyntax, transferSyntax });
  }
  return contexts;
}

/** What an acceptor says of itself. */
export function acceptance(
  { calledAETitle, callingAETitle }: AssociateRequest,
  contexts: readonly AnsweredContext[],
  roles?: readonly Role[],
): AssociateAccept {
  const answer: AssociateAccept = { pdu: 'associate-accept', calledAETitle, callingAETitle, contexts, ...OURS };
  return roles === undefined || roles.length === 0 ? answer : { ...answer, roles };
}
