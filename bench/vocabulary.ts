/**
 * The words from which made-up names and descriptions are put together: as
 * many different ones as asked for, the same every time, and none of a person.
 */

const regions = [
  'BRAIN', 'HEAD', 'NECK', 'CHEST', 'ABDOMEN', 'PELVIS', 'C-SPINE', 'T-SPINE', 'L-SPINE', 'KNEE', 'HIP', 'SHOULDER',
  'WRIST', 'ANKLE', 'HEART', 'LIVER', 'KIDNEY', 'PROSTATE', 'BREAST', 'ORBITS', 'SINUS', 'THORAX', 'AORTA', 'FOOT',
]; // biome-ignore format: a table
const sequences = [
  'T1', 'T2', 'T1 MPRAGE', 'T2 FLAIR', 'T2 TSE', 'DWI', 'ADC', 'SWI', 'TOF', 'STIR', 'VIBE', 'PD FS', 'fMRI BOLD', 'DTI 64',
  'LOCALIZER', 'SCOUT', 'ROUTINE', 'ARTERIAL', 'PORTAL VENOUS', 'DELAYED', 'NATIVE', 'CTA', 'LUNG', 'BONE', 'SOFT TISSUE',
  'PERFUSION', 'MIP', 'MPR', 'Dose Report', 'CALCIUM SCORE',
]; // biome-ignore format: a table
const planes = ['', 'AX', 'SAG', 'COR', 'OBL', 'AX OBL', '3D', 'TRA'];
const thicknesses = [
  '',
  '1.0',
  '1.25',
  '2.5',
  '3mm',
  '5.0',
  '5.0 B30f',
  '0.6 B70s',
  '+C',
  'POST GD',
  'w/o',
  'FS',
  'REPEAT',
  '(motion)',
  'iMAR',
  '_ND',
];
const reasons = [
  '', 'ROUTINE', 'W CONTRAST', 'WO CONTRAST', 'W/WO CONTRAST', 'TRAUMA', 'FOLLOW UP', 'STAGING', 'PRE-OP', 'POST-OP', 'RESEARCH',
  'ANGIO', 'LOW DOSE', 'SCREENING', 'PEDIATRIC', 'EMERGENCY',
]; // biome-ignore format: a table
const modalities = ['MR', 'CT', 'MRI', 'PET/CT', 'CTA', 'MRA', 'US', 'XR'];
const onsets = [
  'Ab',
  'Bel',
  'Cor',
  'Dan',
  'El',
  'Far',
  'Gor',
  'Hal',
  'Ir',
  'Jan',
  'Kel',
  'Lor',
  'Mar',
  'Nor',
  'Ol',
  'Per',
  'Quin',
  'Ros',
  'Sel',
  'Tor',
];
const middles = ['a', 'e', 'i', 'o', 'u', 'an', 'en', 'in', 'or', 'el', 'ar', 'is', 'ur', 'as', 'et'];
const endings = ['son', 'man', 'ez', 'ski', 'berg', 'ton', 'ley', 'ini', 'wood', 'er', 'ova', 'ard'];

/** Joins what is not empty by spaces. */
function join(...words: string[]): string {
  return words.filter((word) => word !== '').join(' ');
}

/** The word at `index` of a list, and the index left for the next list: one number counts through all combinations. */
function take(list: readonly string[], index: number): [string, number] {
  return [list[index % list.length]!, Math.floor(index / list.length)];
}

/** One of 92,160 series descriptions, all different. */
export function seriesDescription(index: number): string {
  // Neighbours in number, so alike in frequency, shall not be alike in words: 7,919 has no factor in common with 92,160.
  const [sequence, afterSequence] = take(sequences, (index * 7919) % 92_160);
  const [plane, afterPlane] = take(planes, afterSequence);
  const [thickness, afterThickness] = take(thicknesses, afterPlane);
  return join(plane, sequence, thickness, take(regions, afterThickness)[0]);
}

/** One of 3,072 study descriptions; above that a protocol number is added. */
export function studyDescription(index: number): string {
  const protocol = Math.floor(index / 3_072);
  const [region, afterRegion] = take(regions, (index * 1237) % 3_072);
  const [modality, afterModality] = take(modalities, afterRegion);
  const [reason] = take(reasons, afterModality);
  return join(modality, region, reason, protocol ? `P${protocol}` : '');
}

/** One of 3.6 million given and family names: `Family^Given` or, for every third, `Family^Given^M`. */
export function personName(index: number): string {
  const [onset, afterOnset] = take(onsets, index);
  const [ending, afterEnding] = take(endings, afterOnset);
  const [middle, afterMiddle] = take(middles, afterEnding);
  const [given, afterGiven] = take(onsets, afterMiddle);
  const [givenEnd, rest] = take(middles, afterGiven);
  const initial = index % 3 === 0 || rest > 0 ? `^${String.fromCharCode(65 + ((index + rest) % 26))}` : '';
  return `${onset}${middle}${ending}^${given}${givenEnd}${initial}`;
}
