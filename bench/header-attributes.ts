/**
 * The 100 attributes that synthetic headers hold: their tags and VRs (PS3.6),
 * and how many different values each has over an archive: 'few' 15, 'some'
 * 400, 'unique' as many as headers. Chosen from what CT and MR files hold.
 */
import { digits, fraction, mix, whole, zipf } from './random.ts';

export type Variety = 'few' | 'some' | 'unique';

/** Tag, keyword, VR, variety. */
export const headerAttributes: readonly (readonly [tag: string, keyword: string, vr: string, variety: Variety])[] = [
  ['00080008', 'ImageType', 'CS', 'few'],
  ['00080013', 'InstanceCreationTime', 'TM', 'unique'],
  ['00080031', 'SeriesTime', 'TM', 'unique'],
  ['00080032', 'AcquisitionTime', 'TM', 'unique'],
  ['00080033', 'ContentTime', 'TM', 'unique'],
  ['00080050', 'AccessionNumber', 'SH', 'unique'],
  ['00080060', 'Modality', 'CS', 'few'],
  ['00080064', 'ConversionType', 'CS', 'few'],
  ['00080068', 'PresentationIntentType', 'CS', 'few'],
  ['00080070', 'Manufacturer', 'LO', 'few'],
  ['00080080', 'InstitutionName', 'LO', 'some'],
  ['00080081', 'InstitutionAddress', 'ST', 'some'],
  ['00080201', 'TimezoneOffsetFromUTC', 'SH', 'few'],
  ['00081010', 'StationName', 'SH', 'some'],
  ['00081040', 'InstitutionalDepartmentName', 'LO', 'some'],
  ['00081090', 'ManufacturerModelName', 'LO', 'some'],
  ['00083010', 'IrradiationEventUID', 'UI', 'unique'],
  ['00100030', 'PatientBirthDate', 'DA', 'unique'],
  ['00100040', 'PatientSex', 'CS', 'few'],
  ['00101010', 'PatientAge', 'AS', 'some'],
  ['00101030', 'PatientWeight', 'DS', 'unique'],
  ['00102210', 'AnatomicalOrientationType', 'CS', 'few'],
  ['00120062', 'PatientIdentityRemoved', 'CS', 'few'],
  ['00180010', 'ContrastBolusAgent', 'LO', 'few'],
  ['00180015', 'BodyPartExamined', 'CS', 'few'],
  ['00180020', 'ScanningSequence', 'CS', 'few'],
  ['00180021', 'SequenceVariant', 'CS', 'few'],
  ['00180022', 'ScanOptions', 'CS', 'few'],
  ['00180023', 'MRAcquisitionType', 'CS', 'few'],
  ['00180024', 'SequenceName', 'SH', 'some'],
  ['00180025', 'AngioFlag', 'CS', 'few'],
  ['00180050', 'SliceThickness', 'DS', 'few'],
  ['00180060', 'KVP', 'DS', 'few'],
  ['00180080', 'RepetitionTime', 'DS', 'some'],
  ['00180081', 'EchoTime', 'DS', 'some'],
  ['00180082', 'InversionTime', 'DS', 'some'],
  ['00180083', 'NumberOfAverages', 'DS', 'few'],
  ['00180084', 'ImagingFrequency', 'DS', 'unique'],
  ['00180085', 'ImagedNucleus', 'SH', 'few'],
  ['00180086', 'EchoNumbers', 'IS', 'few'],
  ['00180087', 'MagneticFieldStrength', 'DS', 'few'],
  ['00180088', 'SpacingBetweenSlices', 'DS', 'some'],
  ['00180089', 'NumberOfPhaseEncodingSteps', 'IS', 'some'],
  ['00180090', 'DataCollectionDiameter', 'DS', 'some'],
  ['00180091', 'EchoTrainLength', 'IS', 'some'],
  ['00180093', 'PercentSampling', 'DS', 'few'],
  ['00180094', 'PercentPhaseFieldOfView', 'DS', 'few'],
  ['00180095', 'PixelBandwidth', 'DS', 'some'],
  ['00181000', 'DeviceSerialNumber', 'LO', 'unique'],
  ['00181020', 'SoftwareVersions', 'LO', 'some'],
  ['00181030', 'ProtocolName', 'LO', 'some'],
  ['00181040', 'ContrastBolusRoute', 'LO', 'few'],
  ['00181100', 'ReconstructionDiameter', 'DS', 'some'],
  ['00181110', 'DistanceSourceToDetector', 'DS', 'some'],
  ['00181120', 'GantryDetectorTilt', 'DS', 'few'],
  ['00181130', 'TableHeight', 'DS', 'some'],
  ['00181140', 'RotationDirection', 'CS', 'few'],
  ['00181150', 'ExposureTime', 'IS', 'some'],
  ['00181151', 'XRayTubeCurrent', 'IS', 'some'],
  ['00181152', 'Exposure', 'IS', 'some'],
  ['00181160', 'FilterType', 'SH', 'few'],
  ['00181190', 'FocalSpots', 'DS', 'few'],
  ['00181210', 'ConvolutionKernel', 'SH', 'some'],
  ['00181250', 'ReceiveCoilName', 'SH', 'some'],
  ['00181251', 'TransmitCoilName', 'SH', 'some'],
  ['00181312', 'InPlanePhaseEncodingDirection', 'CS', 'few'],
  ['00181314', 'FlipAngle', 'DS', 'some'],
  ['00181315', 'VariableFlipAngleFlag', 'CS', 'few'],
  ['00185100', 'PatientPosition', 'CS', 'few'],
  ['00189302', 'AcquisitionType', 'CS', 'few'],
  ['00189306', 'SingleCollimationWidth', 'FD', 'few'],
  ['00189307', 'TotalCollimationWidth', 'FD', 'few'],
  ['00189323', 'ExposureModulationType', 'CS', 'few'],
  ['00200010', 'StudyID', 'SH', 'unique'],
  ['00200032', 'ImagePositionPatient', 'DS', 'unique'],
  ['00200052', 'FrameOfReferenceUID', 'UI', 'unique'],
  ['00200060', 'Laterality', 'CS', 'few'],
  ['00201040', 'PositionReferenceIndicator', 'LO', 'few'],
  ['00201041', 'SliceLocation', 'DS', 'unique'],
  ['00204000', 'ImageComments', 'LT', 'some'],
  ['00280002', 'SamplesPerPixel', 'US', 'few'],
  ['00280004', 'PhotometricInterpretation', 'CS', 'few'],
  ['00280010', 'Rows', 'US', 'some'],
  ['00280011', 'Columns', 'US', 'some'],
  ['00280030', 'PixelSpacing', 'DS', 'some'],
  ['00280100', 'BitsAllocated', 'US', 'few'],
  ['00280101', 'BitsStored', 'US', 'few'],
  ['00280102', 'HighBit', 'US', 'few'],
  ['00280103', 'PixelRepresentation', 'US', 'few'],
  ['00280300', 'QualityControlImage', 'CS', 'few'],
  ['00280301', 'BurnedInAnnotation', 'CS', 'few'],
  ['00281050', 'WindowCenter', 'DS', 'some'],
  ['00281051', 'WindowWidth', 'DS', 'some'],
  ['00281052', 'RescaleIntercept', 'DS', 'few'],
  ['00281053', 'RescaleSlope', 'DS', 'few'],
  ['00281054', 'RescaleType', 'LO', 'few'],
  ['00281055', 'WindowCenterWidthExplanation', 'LO', 'few'],
  ['00282110', 'LossyImageCompression', 'CS', 'few'],
  ['00321060', 'RequestedProcedureDescription', 'LO', 'some'],
  ['00400253', 'PerformedProcedureStepID', 'SH', 'unique'],
];

const distinctValues: Record<Variety, number> = { few: 15, some: 400, unique: Number.POSITIVE_INFINITY };
const words = [
  'STANDARD',
  'ROUTINE',
  'PRIMARY',
  'AXIAL',
  'DERIVED',
  'SPIRAL',
  'SOFT',
  'BODY',
  'HEAD',
  'GENERAL',
  'FAST',
  'MEDIUM',
  'SHARP',
  'DETAIL',
  'SYNGO',
];

/** The value with this number; equal numbers give equal texts. */
function textOf(vr: string, tagSalt: number, index: number): string {
  const word = words[(index + tagSalt) % words.length]!;
  switch (vr) {
    case 'DS':
      return ((tagSalt % 900) + index * 0.25).toFixed(6);
    case 'IS':
    case 'US':
    case 'SS':
      return String((tagSalt % 50) + index * 2);
    case 'TM':
      return `${String(whole(index, tagSalt, 1, 7, 19)).padStart(2, '0')}${digits(index, tagSalt, 2, 4).replace(/[6-9]/g, '3')}.${digits(index, tagSalt, 3, 6)}`;
    case 'DA':
      return `${whole(index, tagSalt, 1, 1930, 2015)}${String(whole(index, tagSalt, 2, 1, 12)).padStart(2, '0')}${String(whole(index, tagSalt, 3, 1, 28)).padStart(2, '0')}`;
    case 'UI':
      return `1.3.12.2.1107.5.1.4.${digits(index, tagSalt, 4, 24)}`;
    case 'AS':
      return `${String(index % 100).padStart(3, '0')}Y`;
    case 'CS':
      return `${word}\\${words[(index * 7 + tagSalt) % words.length]}_${index}`;
    case 'LT':
    case 'ST':
      return `${word} examination, protocol ${index}, ${words[(index * 3 + tagSalt) % words.length]} reconstruction`;
    default:
      return `${word}_${digits(index, tagSalt, 5, 3)} ${index}`;
  }
}

/** The attributes of header `row`: [tag as 8 hexadecimal digits, text] in the order of the tags. */
export function headerValues(seed: number, row: number): [string, string][] {
  return headerAttributes.map(([tag, , vr, variety], column) => {
    const tagSalt = mix(7, column, 3) % 10_000;
    const index =
      variety === 'unique' ? mix(seed, row, 100 + column) : zipf(seed, row, 100 + column, distinctValues[variety]);
    // A quarter of the values of a unique decimal is enough: a position, a weight, a frequency.
    if (variety === 'unique' && vr === 'DS') return [tag, (fraction(seed, row, 100 + column) * 900).toFixed(6)];
    return [tag, textOf(vr, tagSalt, index)];
  });
}
