// Which values make files of one series agree or disagree. Apart from `attributes.ts`, because turning keywords into
// tags loads the data dictionary, which a query mostly does without.
import { tagOfKeyword } from '../dicom/dictionary.ts';
import { INDEXED_ATTRIBUTES } from './attributes.ts';

/** The tags of the indexed attributes, ascending. */
export function comparedTags(): number[] {
  return INDEXED_ATTRIBUTES.map((keyword) => tagOfKeyword(keyword)!).sort((a, b) => a - b);
}
