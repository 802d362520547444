// Whether a peer offers a service, and in which transfer syntax it speaks of it.
import { type TransferSyntax, transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { contextText } from '../../core/dimse/reasons.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN } from '../../core/dimse/uids.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { Association } from './association.ts';

/** In which identifiers are written and read here. */
export const MESSAGE_SYNTAXES: readonly string[] = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];

/** The syntax of a presentation context; else ends the association and throws `not-offered`. @param service in messages */
export function offeredSyntax(association: Association, contextId: number, service: string): TransferSyntax {
  const agreed = association.contexts.get(contextId);
  const syntax = agreed === undefined ? undefined : transferSyntax(agreed.transferSyntax);
  if (syntax !== undefined) return syntax;
  association.abort();
  const answered = association.answered.get(contextId);
  const reason = answered === undefined ? 'it said nothing of it' : contextText(answered.result);
  throw ditagError('not-offered', { peer: association.name, service, reason });
}
