// SeriesInstanceUIDs that were given out twice. A download knows series by their UIDs: of two studies with the same one only
// one can have it, and of the other it is said that it is not whole.
import type { AccessionAnswer } from './expected.ts';

/** Series that are named in a reason. */
const MOST_NAMED = 3;

/**
 * The answer without the series that another study of the project, or an earlier one of the answer, has. @param studyOf the
 * StudyInstanceUID of the series that has this UID in the project, if another one than those of the answer
 */
export function withoutSharedSeries(
  answer: AccessionAnswer,
  studyOf: (SeriesInstanceUID: string) => string | undefined,
): AccessionAnswer {
  const owners = new Map<string, string>();
  const shared: string[] = [];
  const studies = answer.studies.map((study) => {
    const series = study.series.filter(({ SeriesInstanceUID: uid }) => {
      const owner = owners.get(uid) ?? studyOf(uid) ?? study.StudyInstanceUID;
      owners.set(uid, owner);
      if (owner === study.StudyInstanceUID) return true;
      shared.push(uid);
      return false;
    });
    return { ...study, series };
  });
  if (shared.length === 0) return answer;
  const named = shared.slice(0, MOST_NAMED).join(', ') + (shared.length > MOST_NAMED ? ', …' : '');
  const why = `${shared.length} series not expected, since another study of the project has the same SeriesInstanceUID: ${named}`;
  const reason = answer.reason === '' ? why : `${answer.reason}; ${why}`;
  return { ...answer, outcome: 'incomplete', reason, studies };
}
