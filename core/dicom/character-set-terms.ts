// The character sets of DICOM: the tables of PS3.3 section C.12.1.1.2, and what a value of (0008,0005) means by them, also
// where it is misspelt. How text is decoded with them is in character-sets.ts.

/** Single-byte sets (PS3.3 Tables C.12-2 and C.12-3) by ISO-IR number, as TextDecoder names their upper half. */
export const singleByteSets: Readonly<Record<number, string>> = {
  13: 'shift_jis', // JIS X 0201: half-width katakana
  100: 'iso-8859-1',
  101: 'iso-8859-2',
  109: 'iso-8859-3',
  110: 'iso-8859-4',
  126: 'iso-8859-7', // Greek
  127: 'iso-8859-6', // Arabic
  138: 'iso-8859-8', // Hebrew
  144: 'iso-8859-5', // Cyrillic
  148: 'iso-8859-9', // Turkish
  166: 'tis-620', // Thai
  203: 'iso-8859-15',
};

/** Multi-byte sets with code extensions (PS3.3 Table C.12-4), as TextDecoder names an encoding that contains them. */
export const multiByteSets: Readonly<Record<number, string>> = {
  58: 'gbk', // GB 2312, in G1
  87: 'euc-jp', // JIS X 0208, in G0
  149: 'euc-kr', // KS X 1001, in G1
  159: 'euc-jp', // JIS X 0212, in G0
};

/** Escape sequences (without ESC) to the ISO-IR number of the set they put into G0 or G1: PS3.3 Tables C.12-3, C.12-4. */
export const toG0: Readonly<Record<string, number>> = { '(B': 6, '(J': 14, $B: 87, '$@': 87, '$(D': 159 };
export const toG1: Readonly<Record<string, number>> = {
  ')I': 13,
  '-A': 100,
  '-B': 101,
  '-C': 109,
  '-D': 110,
  '-F': 126,
  '-G': 127,
  '-H': 138,
  '-L': 144,
  '-M': 148,
  '-T': 166,
  '-b': 203,
  '$)A': 58,
  '$)C': 149,
};

/** What other names mean (upper case, letters and digits only): an ISO-IR number or an encoding of TextDecoder. */
const otherNames: Readonly<Record<string, number | string>> = {
  ASCII: 6,
  USASCII: 6,
  LATIN1: 100,
  LATIN2: 101,
  LATIN3: 109,
  LATIN4: 110,
  LATIN5: 148,
  LATIN9: 203,
  JISX0201: 13,
  JISX0208: 87,
  JISX0212: 159,
  KSX1001: 149,
  KSC5601: 149,
  EUCKR: 149,
  TIS620: 166,
  UTF8: 'utf-8',
  UNICODE: 'utf-8',
  ISO10646: 'utf-8',
  GB2312: 'gbk',
  ISO2022GBK: 'gbk',
};
/** The ISO-IR numbers of ISO 8859-1 to -15; undefined for those that are not in DICOM. */
const parts8859 = [100, 101, 109, 110, 144, 127, 126, 138, 148, undefined, 166, undefined, undefined, undefined, 203];

/** An ISO-IR number, or an encoding of TextDecoder that stands alone (no code extensions). */
type CharacterSet = number | string;

/** How the text of a data set is to be decoded. */
export interface Plan {
  /** The stand-alone encoding of all text (UTF-8, GB18030, GBK); undefined with ISO 2022. */
  readonly alone: string | undefined;
  /** Value 1: the set before any escape sequence. 6 is ASCII only; undefined if the declaration is unknown. */
  readonly first: number | undefined;
  readonly declared: ReadonlySet<number>;
  /** Encodings to try, after UTF-8, for text that is outside of the declared sets. */
  readonly guesses: readonly string[];
  readonly issue: 'misspelt' | 'unknown' | undefined;
}

const isKnownSet = (set: number): boolean => set === 6 || set in singleByteSets || set in multiByteSets;

/** The set that a defined term of PS3.3 C.12.1.1.2 names. ISO_IR 6 is no defined term any more, but says the default. */
function definedTerm(term: string): CharacterSet | undefined {
  if (term === '') return 6;
  if (term === 'GB18030' || term === 'GBK') return term.toLowerCase();
  if (term === 'ISO_IR 192') return 'utf-8';
  const [, extension, digits] = /^ISO(_| 2022 )IR (\d+)$/.exec(term) ?? [];
  const set = Number(digits);
  if (digits === undefined || !isKnownSet(set) || (extension === '_' && set in multiByteSets)) return undefined;
  return set;
}

/** What a term that isn't defined evidently means. */
function misspeltTerm(term: string): CharacterSet | undefined {
  const folded = term.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
  if (Object.hasOwn(otherNames, folded)) return otherNames[folded];
  if (folded.startsWith('GB18030')) return 'gb18030';
  const part = /^(?:ISO)?(?:IEC)?8859(\d{1,2})$/.exec(folded)?.[1];
  if (part !== undefined && parts8859[Number(part) - 1] !== undefined) return parts8859[Number(part) - 1];
  const digits = /^(?:ISO(?:2022)?(?:IR)?|IR)(\d{1,3})$/.exec(folded)?.[1];
  if (digits !== undefined)
    return Number(digits) === 192 ? 'utf-8' : isKnownSet(Number(digits)) ? Number(digits) : undefined;
  try {
    const { encoding } = new TextDecoder(term.toLowerCase().replaceAll(/[ _]+/g, '-'));
    return encoding.startsWith('utf-16') ? undefined : encoding;
  } catch {
    return undefined;
  }
}

/** A guess for text outside the declared sets; 7-bit Japanese sets mostly mean that Shift JIS was written. */
const guessFor = (set: number): string | undefined =>
  set === 6
    ? undefined
    : set === 13 || set === 87 || set === 159
      ? 'shift_jis'
      : (singleByteSets[set] ?? multiByteSets[set]);

/** The plan for the raw value of (0008,0005). */
export function makePlan(specificCharacterSet: string): Plan {
  let issue: Plan['issue'];
  const sets = specificCharacterSet.split('\\').map((value) => {
    const term = value.replaceAll(/^[ \0]+|[ \0]+$/g, '');
    const defined = definedTerm(term);
    if (defined !== undefined) return defined;
    const set = misspeltTerm(term);
    issue = set === undefined ? 'unknown' : (issue ?? 'misspelt');
    return set;
  });
  const [first] = sets;
  const numbers = sets.filter((set) => typeof set === 'number');
  // UTF-8, GB18030 and GBK allow no other value beside them; one behind a default value 1 is what the writer meant.
  const alone = sets.find((set) => typeof set === 'string');
  if (alone !== undefined && sets.length > 1) issue ??= 'misspelt';
  const guesses = [...new Set(numbers.map(guessFor).filter((label) => label !== undefined))];
  const usesAlone = typeof first === 'string' || first === 6 || first === undefined;
  return {
    alone: usesAlone ? alone : undefined,
    first: typeof first === 'number' ? first : undefined,
    declared: new Set(numbers),
    guesses,
    issue,
  };
}
