/**
 * The 50 queries of the benchmark `query`, and the ones on any tag: patterns of
 * every kind that people write, from no row to about a third of all. They are
 * written for the words of vocabulary.ts; every way has to find the same number
 * of rows.
 */

export interface BenchQuery {
  /** Keywords of the attributes in which the pattern is looked for; empty: no pattern. */
  targets: string[];
  pattern: string;
  /** The first and the last StudyDate, YYYYMMDD; '' is open. */
  from: string;
  to: string;
}

export interface TagQuery {
  /** 8 hexadecimal digits. */
  tag: string;
  keyword: string;
  pattern: string;
}

type Columns = 'series' | 'study' | 'name' | 'series study' | 'all' | '';

const targets: Record<Columns, BenchQuery['targets']> = {
  series: ['SeriesDescription'],
  study: ['StudyDescription'],
  name: ['PatientName'],
  'series study': ['SeriesDescription', 'StudyDescription'],
  all: ['SeriesDescription', 'StudyDescription', 'PatientName'],
  '': [],
};

const list: [Columns, string, from?: string, to?: string][] = [
  // No row, or hardly one.
  ['series', 'NO SUCH SERIES'],
  ['all', 'zzzz'],
  ['name', '^Xavier'],
  ['series', '^T1$', '19000101', '19991231'],
  ['series study', '(?=.*FETAL)(?=.*CT)'],
  ['', '', '20300101', ''],
  // One value, one person, one protocol.
  ['series', '^SAG T2 TSE .*L-SPINE$'],
  ['name', '^Abason\\^Aba'],
  ['name', '^Toranard\\^.*\\^[A-M]$'],
  ['name', '(?i)^quin.*berg\\^sel'],
  ['study', 'P1$', '20150101', '20150331'],
  ['series', 'CALCIUM SCORE.*iMAR.*HEART'],
  ['name', 'Marinez\\^(?:Ola|Ole)'],
  // Plain words.
  ['series', 'MPRAGE'],
  ['series', 'FLAIR'],
  ['series', 'LOCALIZER|SCOUT'],
  ['series', 'Dose Report'],
  ['series', 'fMRI BOLD'],
  ['study', 'TRAUMA'],
  ['study', 'BRAIN'],
  ['name', 'berg'],
  ['all', 'PELVIS'],
  // Anchors, classes, repetition.
  ['series', '^AX '],
  ['series', '^(?:AX|SAG|COR) T[12]\\b'],
  ['series', 'T[12] TSE'],
  ['series', '\\b2\\.5\\d* '],
  ['series', '\\bB(?:30f|70s)\\b'],
  ['series', '\\+C|POST GD'],
  ['series', '(?:CHEST|THORAX|ABDOMEN)$'],
  ['study', '^(?:CT|CTA) .*(?:ROUTINE|LOW DOSE)'],
  ['study', '^MR[IA]? [A-Z]-SPINE'],
  ['name', '^[A-F].*ez\\^'],
  ['series', '^(?:SAG|COR) .*(?:BRAIN|HEAD)$'],
  ['name', '^(.)[a-z]+\\^\\1'],
  // Letter case and Unicode classes.
  ['series', '(?i)mprage|flair'],
  ['series', '(?i:dose) Report'],
  ['all', '(?i)liver'],
  ['series', '(?i)\\bw/?o\\b'],
  // Look-around.
  ['series', '^(?!.*(?:LOCALIZER|SCOUT)).*BRAIN'],
  ['series', '(?=.*T1)(?=.*SAG)'],
  ['series', 'T1(?! MPRAGE)'],
  ['study', '(?<!PET/)CT '],
  ['series study', '^(?=.*(?:HEAD|BRAIN))(?!.*REPEAT)(?=.*(?:T2|DWI))'],
  // Dates, alone and with a pattern.
  ['', '', '20240101', '20240131'],
  ['', '', '20191215', '20191215'],
  ['series', 'T1', '20200101', ''],
  ['series', 'T1|T2|FLAIR', '', '20121231'],
  ['all', 'CT', '20230101', '20231231'],
  // Nearly a third of everything.
  ['series study', 'KNEE|HIP|ANKLE|FOOT'],
  ['name', '\\^[A-Z]$'],
];

/** The 50 queries. */
export const queries: readonly BenchQuery[] = list.map(([columns, pattern, from = '', to = '']) => ({
  targets: targets[columns],
  pattern,
  from,
  to,
}));

/** Queries on tags with 15, 400 and as many different values as headers; none of them an indexed attribute. */
export const tagQueries: readonly TagQuery[] = [
  { tag: '00081040', keyword: 'InstitutionalDepartmentName', pattern: ' 1[0-4]$' },
  { tag: '00180022', keyword: 'ScanOptions', pattern: '^BODY' },
  { tag: '00185100', keyword: 'PatientPosition', pattern: 'NO SUCH' },
  { tag: '00180050', keyword: 'SliceThickness', pattern: '\\.75' },
  { tag: '00180080', keyword: 'RepetitionTime', pattern: '^4\\d\\d\\.' },
  { tag: '00181020', keyword: 'SoftwareVersions', pattern: '(?i)soft.* 3\\d\\d$' },
  { tag: '00181250', keyword: 'ReceiveCoilName', pattern: '^(?!HEAD).* 7$' },
  { tag: '00204000', keyword: 'ImageComments', pattern: 'protocol 12,' },
  { tag: '00181000', keyword: 'DeviceSerialNumber', pattern: ' 12345' },
  { tag: '00200052', keyword: 'FrameOfReferenceUID', pattern: '\\.77777' },
  { tag: '00080032', keyword: 'AcquisitionTime', pattern: '^0712' },
  { tag: '00101030', keyword: 'PatientWeight', pattern: '^8[0-4]\\.' },
];
