/**
 * Identifiers as DICOM files, which findscu and movescu take. They are written apart from
 * core/dimse, and by this process: dump2dcm would be started ten thousand times.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tagOfKeyword, vrOfTag } from '../core/dicom/dictionary.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_FIND } from '../core/dimse/uids.ts';
import { withText, writeTemplate } from './dicom-template.ts';

/** Values by keyword; '' is a return key. */
export type Keys = Readonly<Record<string, string>>;

const META = withText(
  [],
  new Map([
    [0x00020002, { vr: 'UI', text: STUDY_ROOT_FIND }],
    [0x00020003, { vr: 'UI', text: '1.2.3' }],
    [0x00020010, { vr: 'UI', text: EXPLICIT_VR_LITTLE_ENDIAN }],
  ]),
);

/** Writes one file for each into `folder`, which is emptied before; gives their names. */
export function writeQueryFiles(folder: string, queries: readonly Keys[]): string[] {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return queries.map((keys, n) => {
    const texts = new Map(
      Object.entries(keys).map(([keyword, text]) => {
        const tag = tagOfKeyword(keyword)!;
        return [tag, { vr: vrOfTag(tag), text }];
      }),
    );
    const name = `${n}.dcm`;
    writeFileSync(
      join(folder, name),
      writeTemplate({ implicit: false, meta: META, dataset: withText([], texts) }, 'header'),
    );
    return name;
  });
}
