// InstanceNumber of a file, for who asks at IMAGE level (PS3.4 C.6.1.1.5): the index keeps attributes of series, not of
// each file.
import { NOT_HELD, UNDEFINED_LENGTH } from '../dicom/element-table.ts';
import { HeaderReader } from '../dicom/header-reader.ts';
import type { InstanceFiles } from '../ports/instance-files.ts';
import type { SeriesFile } from '../ports/instance-index.ts';

const INSTANCE_NUMBER = 0x00200013;
/** IS has at most 12 characters (PS3.5 table 6.2-1); what is far longer is none. */
const LONGEST = 64;

/** Readers are kept for the next file: each owns buffers. */
const idle: HeaderReader[] = [];

/** '' where the file has none; undefined where it cannot be read, or is another instance by now. */
export async function readInstanceNumber(file: SeriesFile, files: InstanceFiles): Promise<string | undefined> {
  const reader = idle.pop() ?? new HeaderReader([INSTANCE_NUMBER]);
  try {
    const opened = await files.open(file.archive, file.path);
    try {
      let request = reader.begin(opened.size);
      while (request !== undefined) {
        const into = reader.buffer.subarray(reader.bufferOffset, reader.bufferOffset + request.length);
        request = reader.advance(await opened.read(into, request.length, request.position));
      }
    } finally {
      await opened.close();
    }
    const isStillThere = reader.outcome === 'instance' && reader.SOPInstanceUID === file.SOPInstanceUID;
    return isStillThere ? numberIn(reader) : undefined;
  } catch {
    // It is the answer to a question about many: what is known of the others is answered all the same.
    return undefined;
  } finally {
    idle.push(reader);
  }
}

function numberIn({ elements, bytes }: HeaderReader): string {
  const at = elements.indexOf(INSTANCE_NUMBER);
  const [offset, length] = [elements.offsets[at] ?? NOT_HELD, elements.lengths[at] ?? UNDEFINED_LENGTH];
  if (at < 0 || offset === NOT_HELD || length > LONGEST) return '';
  const text = bytes
    .toString('latin1', offset, offset + length)
    .replace(/[\0 ]+$/, '')
    .trimStart();
  return /^[+-]?\d+$/.test(text) ? text : '';
}
