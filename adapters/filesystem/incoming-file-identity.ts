// Which instance a file on its way holds: what the command says, and what the data set says of itself as far as the
// command does not contradict it.
import type { Buffer } from 'node:buffer';
import { NOT_HELD, UNDEFINED_LENGTH } from '../../core/dicom/element-table.ts';
import { HeaderReader } from '../../core/dicom/header-reader.ts';
import { Issue } from '../../core/dicom/issues.ts';
import { isNonPatientObject } from '../../core/dimse/uids.ts';
import { type ArrivingInstance, type StoredInstance, StoreError } from '../../core/ports/instance-store.ts';

const STUDY_INSTANCE_UID = 0x0020000d;
/** The header reader takes a longer UID for none; PS3.5 section 9.1 allows 64 characters. */
const LONGEST_UID = 128;

export type Identity = Pick<
  StoredInstance,
  'SOPInstanceUID' | 'SOPClassUID' | 'StudyInstanceUID' | 'SeriesInstanceUID'
>;

/** Reads bytes of the file, its file meta included. */
export type ReadBytes = (buffer: Buffer, offset: number, length: number, position: number) => Promise<number>;

/** Reads identities; header readers that nobody uses are kept for the next. */
export class IdentityReader {
  private readonly idle: HeaderReader[] = [];

  /** @param bytes size of the file. Throws StoreError. */
  async identityOf(arriving: ArrivingInstance, bytes: number, read: ReadBytes): Promise<Identity> {
    const reader = this.idle.pop() ?? new HeaderReader([STUDY_INSTANCE_UID]);
    try {
      await readHeader(reader, bytes, read, () => reader.SeriesInstanceUID !== '');
      const { SOPInstanceUID, SOPClassUID } = arriving;
      if (reader.SeriesInstanceUID === '' && !isNonPatientObject(SOPClassUID))
        throw noIdentity('the data set has no SeriesInstanceUID');
      // One that the data set lacks is in the file meta, from where every reader takes it.
      if (isOther(reader.SOPInstanceUID, SOPInstanceUID)) throw noIdentity('the data set has another SOPInstanceUID');
      if (isOther(reader.SOPClassUID, SOPClassUID)) throw noIdentity('the data set has another SOPClassUID');
      return { ...foundIn(reader), SOPInstanceUID, SOPClassUID };
    } finally {
      this.idle.push(reader);
    }
  }
}

/** What a whole file says of itself, '' for what it does not say; undefined where it is seen to be cut. @param bytes size of the file */
export async function identityIn(bytes: number, read: ReadBytes): Promise<Identity | undefined> {
  const reader = new HeaderReader([STUDY_INSTANCE_UID]);
  await readHeader(reader, bytes, read, () => false);
  return (reader.issues & (Issue.Truncated | Issue.HeaderCut)) === 0 ? foundIn(reader) : undefined;
}

async function readHeader(
  reader: HeaderReader,
  bytes: number,
  read: ReadBytes,
  isEnough: () => boolean,
): Promise<void> {
  let request = reader.begin(bytes);
  while (request !== undefined && !isEnough()) {
    const { buffer, bufferOffset } = reader;
    request = reader.advance(await read(buffer, bufferOffset, request.length, request.position));
  }
}

function foundIn(reader: HeaderReader): Identity {
  const { SOPInstanceUID, SOPClassUID, SeriesInstanceUID } = reader;
  return { SOPInstanceUID, SOPClassUID, StudyInstanceUID: studyOf(reader), SeriesInstanceUID };
}

/** What is wrong with the UIDs of the command; undefined for nothing. */
export function uidFailure({ SOPClassUID, SOPInstanceUID }: ArrivingInstance): StoreError | undefined {
  const isUsable = (uid: string) => uid !== '' && uid.length <= LONGEST_UID;
  if (isUsable(SOPClassUID) && isUsable(SOPInstanceUID)) return undefined;
  return noIdentity('a UID of the command is empty or too long');
}

function isOther(found: string, told: string): boolean {
  return found !== '' && found !== told;
}

function studyOf({ elements, bytes }: HeaderReader): string {
  const i = elements.indexOf(STUDY_INSTANCE_UID);
  if (i < 0 || elements.offsets[i] === NOT_HELD || elements.lengths[i] === UNDEFINED_LENGTH) return '';
  const [text] = bytes.toString('latin1', elements.offsets[i], elements.ends[i]).split('\0', 1);
  return text!.trim();
}

function noIdentity(what: string): StoreError {
  return new StoreError('identity', `The instance cannot be stored: ${what}.`);
}
