// Where DICOM readers disagree about the sample files: what each says, what ditag takes and why. The tests that compare
// ditag with pydicom, dcmdump and dcmjs allow what stands here and nothing else; an entry that is not met any more fails.

export type OtherReader = 'pydicom' | 'dcmdump' | 'dcmjs';

export interface Disagreement {
  /** Name below test/samples. */
  readonly file: string;
  /**
   * Path of the element as in test/reader/oracle/oracle-rows.ts, `*` at its end for all that start so; 'file' where a
   * reader refuses the whole file.
   */
  readonly path: string;
  readonly reader: OtherReader;
  readonly theirs: string;
  readonly ours: string;
  readonly why: string;
}

const noMeta = {
  path: 'file',
  reader: 'dcmjs',
  theirs: 'refused: no prefix',
  ours: 'instance, marked NoFileMeta',
  why: 'files without preamble and file meta are common in old archives, and group 0008 is evident',
} as const;

export const disagreements: readonly Disagreement[] = [
  { file: 'ExplVR_BigEndNoMeta.dcm', ...noMeta },
  { file: 'ExplVR_LitEndNoMeta.dcm', ...noMeta },
  { file: 'no_meta.dcm', ...noMeta },
  { file: 'rtstruct.dcm', ...noMeta },
  ...(['pydicom', 'dcmdump'] as const).map((reader) => ({
    file: 'no_meta.dcm',
    path: 'file',
    reader,
    theirs: 'refused: the first byte is a blank, which moves every tag by one byte',
    ours: 'instance, marked NoFileMeta and StrayBytes',
    why: 'two elements of group 0008 with known VRs follow one another behind the stray byte; the rest is whole',
  })),
  {
    file: 'SC_rgb_jpeg.dcm',
    path: 'file',
    reader: 'dcmdump',
    theirs: 'refused: reads the data set as explicit VR, as declared',
    ours: 'implicit VR, marked TransferSyntaxMismatch',
    why: 'no VR stands where explicit VR has one, and every element fits as implicit VR (so does pydicom)',
  },
  {
    file: 'SC_rgb_jpeg.dcm',
    path: '*',
    reader: 'dcmjs',
    theirs: 'reads the data set as explicit VR, as declared, and loses all of it',
    ours: 'implicit VR, marked TransferSyntaxMismatch',
    why: 'as above',
  },
  {
    file: 'rtplan_truncated.dcm',
    path: 'file',
    reader: 'dcmdump',
    theirs: 'refused: the file ends inside a sequence',
    ours: 'instance, marked Truncated, with what there is of the sequence',
    why: 'identity stands in front of the cut (so does pydicom)',
  },
  {
    file: 'rtplan_truncated.dcm',
    path: '300A00B0*',
    reader: 'dcmjs',
    theirs: 'leaves out the sequence in which the file ends',
    ours: 'the items and elements that are there',
    why: 'what can be read is kept, and the file is marked Truncated',
  },
  ...['C', 'E'].map(
    (digit): Disagreement => ({
      file: 'examples_palette.dcm',
      path: `00186011/0/0018602${digit}`,
      reader: 'dcmdump',
      theirs: '0.026228787661969974',
      ours: '0.02622878766196998',
      why: 'ours is the shortest decimal that reads back as the same 64-bit number; theirs is rounded to another one',
    }),
  ),
  ...['0009*', '0019*'].map(
    (path): Disagreement => ({
      file: 'J2K_pixelrep_mismatch.dcm',
      path,
      reader: 'dcmjs',
      theirs: 'private elements of VR UN as empty text, so no private creator',
      ours: 'the private creator is read as LO, which it always is (PS3.5 section 7.8.1)',
      why: 'the bytes are there, and dcmdump and pydicom show them',
    }),
  ),
  ...['00280106', '00280107'].map(
    (path): Disagreement => ({
      file: 'MR_small_implicit.dcm',
      path,
      reader: 'dcmjs',
      theirs: 'US',
      ours: 'SS',
      why: 'PixelRepresentation is 1, so "US or SS" is SS (PS3.6, PS3.3 section C.7.6.3.1; pydicom and dcmdump agree)',
    }),
  ),
  ...['00081161', '00109431', '00186020', '00186024', '00189218', '00189219'].map(
    (path): Disagreement => ({
      file: 'reportsi_with_empty_number_tags.dcm',
      path,
      reader: 'dcmjs',
      theirs: '0 for a number of length 0',
      ours: 'an empty value',
      why: 'a value of length 0 is empty, not zero (PS3.5 section 7.1.1)',
    }),
  ),
  ...['rtdose_rle.dcm', 'rtdose_rle_1frame.dcm'].map(
    (file): Disagreement => ({
      file,
      path: '300C0002*',
      reader: 'dcmjs',
      theirs: 'reads the items of a sequence of VR UN as explicit VR',
      ours: 'implicit VR little endian',
      why: 'that is what UN holds (PS3.5 section 6.2.2)',
    }),
  ),
];
