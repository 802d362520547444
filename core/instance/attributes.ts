// THE table of indexed attributes: what every series row carries besides its identity. Columns of the CSV, facets,
// statistics and the fast path of `--targets` are all derived from it; any other tag is found in the full header.
// Adding a line here is adding an attribute everywhere (CONTRIBUTING.md says what else happens).

/** Keywords of PS3.6. The position is stored in indexes: append at the end, never reorder (see the index format). */
export const INDEXED_ATTRIBUTES = [
  'StudyDescription',
  'SeriesDescription',
  'PatientName',
  'PatientID',
  'StudyDate',
  'StudyInstanceUID',
  'AccessionNumber',
  'Modality',
  'Manufacturer',
  'ManufacturerModelName',
  'StationName',
  'InstitutionName',
  'BodyPartExamined',
  'ProtocolName',
  'PatientSex',
] as const;
export type IndexedAttribute = (typeof INDEXED_ATTRIBUTES)[number];

/** The columns with which every CSV starts, in this order: users' scripts read them by position. */
export const CSV_COLUMNS = [
  'StudyDescription',
  'SeriesDescription',
  'PatientName',
  'PatientID',
  'StudyDate',
  'SeriesInstanceUID',
] as const;

/** Position of an indexed attribute in the table, or -1. */
export function attributeIndex(keyword: string): number {
  return (INDEXED_ATTRIBUTES as readonly string[]).indexOf(keyword);
}
