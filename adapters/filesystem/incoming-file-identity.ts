// Which instance a file on its way holds: what the command says, and what the data set says of itself as far as the
// command does not contradict it.
import { NOT_HELD, UNDEFINED_LENGTH } from '../../core/dicom/element-table.ts';
import { HeaderReader } from '../../core/dicom/header-reader.ts';
import { Issue } from '../../core/dicom/issues.ts';
import { feed, isWholeDataSet, type ReadBytes } from '../../core/dicom/whole-data-set.ts';
import { isNonPatientObject } from '../../core/dimse/uids.ts';
import { type ArrivingInstance, type StoredInstance, StoreError } from '../../core/ports/instance-store.ts';

const STUDY_INSTANCE_UID = 0x0020000d;
/** The header reader takes a longer UID for none; PS3.5 section 9.1 allows 64 characters. */
const LONGEST_UID = 128;

export type Identity = Pick<
  StoredInstance,
  'SOPInstanceUID' | 'SOPClassUID' | 'StudyInstanceUID' | 'SeriesInstanceUID'
>;

/** What has come, and whether its data set ends before its end. Where that is not looked for it is false. */
export interface Arrived {
  readonly identity: Identity;
  readonly isCut: boolean;
}

/** Reads identities; header readers that nobody uses are kept for the next. */
export class IdentityReader {
  private readonly looksForEnd: boolean;
  private readonly idle: HeaderReader[] = [];

  /** @param looksForEnd whether data sets are looked through to their end */
  constructor({ looksForEnd }: { readonly looksForEnd: boolean }) {
    this.looksForEnd = looksForEnd;
  }

  /** @param bytes size of the file @param read reads bytes of it, its file meta included. Throws StoreError. */
  async identityOf(arriving: ArrivingInstance, bytes: number, read: ReadBytes): Promise<Arrived> {
    const reader = this.idle.pop() ?? new HeaderReader([STUDY_INSTANCE_UID]);
    try {
      const isEnough = () => !this.looksForEnd && reader.SeriesInstanceUID !== '';
      await feed(reader, reader.begin(bytes), read, isEnough);
      const { SOPInstanceUID, SOPClassUID } = arriving;
      if (reader.SeriesInstanceUID === '' && !isNonPatientObject(SOPClassUID))
        throw noIdentity('the data set has no SeriesInstanceUID');
      // One that the data set lacks is in the file meta, from where every reader takes it.
      if (isOther(reader.SOPInstanceUID, SOPInstanceUID)) throw noIdentity('the data set has another SOPInstanceUID');
      if (isOther(reader.SOPClassUID, SOPClassUID)) throw noIdentity('the data set has another SOPClassUID');
      const identity = { ...foundIn(reader), SOPInstanceUID, SOPClassUID };
      return { identity, isCut: this.looksForEnd && !(await isWholeDataSet(reader, bytes, read)) };
    } finally {
      this.idle.push(reader);
    }
  }
}

/** What a whole file says of itself, '' for what it does not say; undefined where it is seen to be cut. @param bytes size of the file */
export async function identityIn(bytes: number, read: ReadBytes): Promise<Identity | undefined> {
  const reader = new HeaderReader([STUDY_INSTANCE_UID]);
  await feed(reader, reader.begin(bytes), read);
  if (reader.outcome !== 'instance' || (reader.issues & Issue.HeaderCut) !== 0) return undefined;
  const identity = foundIn(reader);
  return (await isWholeDataSet(reader, bytes, read)) ? identity : undefined;
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
