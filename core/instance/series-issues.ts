// The issues of a series as one text: a query sees them as the target `Issues`.
import { issueNames } from '../dicom/issues.ts';

/** What stands beside the names of `Issue` where files of a series disagree in an indexed attribute. */
const FILES_DISAGREE = 'FilesDisagree';

/**
 * The names of a series' issues, joined by `\\` as the values of an element are, in the order of their table; '' where there
 * are none.
 *
 * @param issues bits of `Issue` of its files and of its full header
 * @param mixed files of it disagree in an indexed attribute
 */
export function issuesText(issues: number, mixed: boolean): string {
  const names: string[] = issueNames(issues);
  return (mixed ? [...names, FILES_DISAGREE] : names).join('\\');
}
