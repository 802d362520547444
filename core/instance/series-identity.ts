// Whether two archives mean one series by one SeriesInstanceUID: copies that were made anonymous, or corrected, keep the UID
// now and then, and are another patient's or study's all the same.
import { matchText } from '../dicom/kept-text.ts';

/** Keys of a full header: StudyInstanceUID and PatientID. */
export const IDENTITY_KEYS = ['0020000D', '00100020'] as const;

/** A text that is the same for headers of one series. @param keptText of each key, '' where the header has none */
export function seriesIdentity(keptText: (key: string) => string): string {
  return IDENTITY_KEYS.map((key) => matchText(keptText(key)).trim()).join('\n');
}
