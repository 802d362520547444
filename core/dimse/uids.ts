// UIDs that DIMSE itself needs (PS3.4, PS3.6 A), and who ditag is to its peers (PS3.7 D.3.3.2).
export const APPLICATION_CONTEXT = '1.2.840.10008.3.1.1.1';
export const VERIFICATION = '1.2.840.10008.1.1';
export const PATIENT_ROOT_FIND = '1.2.840.10008.5.1.4.1.2.1.1';
export const STUDY_ROOT_FIND = '1.2.840.10008.5.1.4.1.2.2.1';
export const PATIENT_ROOT_MOVE = '1.2.840.10008.5.1.4.1.2.1.2';
export const STUDY_ROOT_MOVE = '1.2.840.10008.5.1.4.1.2.2.2';
export const PATIENT_ROOT_GET = '1.2.840.10008.5.1.4.1.2.1.3';
export const STUDY_ROOT_GET = '1.2.840.10008.5.1.4.1.2.2.3';
export const IMPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2';
export const EXPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
export const EXPLICIT_VR_BIG_ENDIAN = '1.2.840.10008.1.2.2';

/** Made of a random UUID, as PS3.5 B.2 has it: it needs no registered root. */
export const IMPLEMENTATION_CLASS_UID = '2.25.133020230261470885219358794203789941894';
/** At most 16 characters. */
export const IMPLEMENTATION_VERSION_NAME = 'DITAG';

/** Storage classes of objects that belong to no patient, study or series (PS3.4 annex GG). */
const NON_PATIENT_OBJECTS: ReadonlySet<string> = new Set([
  '1.2.840.10008.5.1.4.1.1.200.1', // CT Defined Procedure Protocol
  '1.2.840.10008.5.1.4.1.1.200.3', // Protocol Approval
  '1.2.840.10008.5.1.4.1.1.200.7', // XA Defined Procedure Protocol
  '1.2.840.10008.5.1.4.1.1.201.1', // Inventory
  '1.2.840.10008.5.1.4.38.1', // Hanging Protocol
  '1.2.840.10008.5.1.4.39.1', // Color Palette
  '1.2.840.10008.5.1.4.43.1', // Generic Implant Template
  '1.2.840.10008.5.1.4.44.1', // Implant Assembly Template
  '1.2.840.10008.5.1.4.45.1', // Implant Template Group
]);

export function isNonPatientObject(SOPClassUID: string): boolean {
  return NON_PATIENT_OBJECTS.has(SOPClassUID);
}
