// What an acceptor makes of the presentation contexts that are proposed to it (PS3.8 7.1.1.13, PS3.7 D.3.3.4): which SOP
// classes are taken, and in which of the transfer syntaxes.
import { allUids } from '../dicom/dictionary.ts';
import type { AnsweredContext, ProposedContext } from './pdu.ts';
import { EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN } from './uids.ts';

/** Results of PS3.8 table 9-18. */
const ACCEPTED = 0;
const REJECTED_BY_USER = 1;
const NO_SUCH_ABSTRACT_SYNTAX = 3;
const NO_SUCH_TRANSFER_SYNTAX = 4;

/** PS3.5 9.1, and no more of it: peers have UIDs with leading zeros. */
const UID = /^[0-9][0-9.]{0,63}$/;

/** What is done with a SOP class: taken, known but not allowed to this peer, or not known. */
export type ContextRule = (abstractSyntax: string) => 'taken' | 'not-allowed' | 'unknown';

/** Answers each proposed context. @param isStored whether data sets of a class are kept as they come, in any syntax */
export function answerContexts(
  proposed: readonly ProposedContext[],
  rule: ContextRule,
  isStored: (abstractSyntax: string) => boolean,
): AnsweredContext[] {
  return proposed.map(({ id, abstractSyntax, transferSyntaxes }) => {
    const answer = (result: number, transferSyntax = IMPLICIT_VR_LITTLE_ENDIAN) => ({ id, result, transferSyntax });
    const decision = rule(abstractSyntax);
    if (decision === 'unknown') return answer(NO_SUCH_ABSTRACT_SYNTAX);
    if (decision === 'not-allowed') return answer(REJECTED_BY_USER);
    const usable = transferSyntaxes.filter((uid) => UID.test(uid));
    const chosen = isStored(abstractSyntax) ? forStorage(usable) : forMessages(usable);
    return chosen === undefined ? answer(NO_SUCH_TRANSFER_SYNTAX) : answer(ACCEPTED, chosen);
  });
}

/** What the peer names first is what it has; where that is uncompressed, explicit VR little endian is what everyone reads. */
function forStorage(syntaxes: readonly string[]): string | undefined {
  const [first] = syntaxes;
  const isOld = first === IMPLICIT_VR_LITTLE_ENDIAN || first === EXPLICIT_VR_BIG_ENDIAN;
  return isOld && syntaxes.includes(EXPLICIT_VR_LITTLE_ENDIAN) ? EXPLICIT_VR_LITTLE_ENDIAN : first;
}

/** Identifiers are read and written here. */
function forMessages(syntaxes: readonly string[]): string | undefined {
  const known = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN];
  return known.find((uid) => syntaxes.includes(uid));
}

/** SOP classes of the standard that are stored though their name does not end so, and ones that only sound like it. */
const NOT_STORED = /Commitment|^Media Storage Directory/;
const STANDARD = '1.2.840.10008.';

/** Is it a Storage SOP class (PS3.4 annex B.5)? A private one that is proposed for C-STORE is taken for one. */
export function isStorageClass(uid: string): boolean {
  const known = allUids().get(uid);
  // A few were retired with their names.
  if (known !== undefined && known.name !== '')
    return known.type === 'SOP Class' && /Storage/.test(known.name) && !NOT_STORED.test(known.name);
  // Classes that are newer than the dictionary stand below the root of the others.
  return UID.test(uid) && (!uid.startsWith(STANDARD) || uid.startsWith(`${STANDARD}5.1.4.1.1.`));
}
