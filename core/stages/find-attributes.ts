// The attributes of the Query/Retrieve models that are not simply looked up (PS3.4 C.6): the level that each stands at,
// and those that are counted. What is in no list here is of a series as the file shows it that speaks for it: of its
// patient, its study and of its other files nobody knows.
import { tagsOfKeywords } from '../dicom/dictionary.ts';
import { ditagError } from '../errors/errors.ts';

/** From the top. */
export const LEVELS = ['PATIENT', 'STUDY', 'SERIES', 'IMAGE'] as const;
export type FindLevel = (typeof LEVELS)[number];

export const TAG = {
  QueryRetrieveLevel: 0x00080052,
  RetrieveAETitle: 0x00080054,
  InstanceAvailability: 0x00080056,
  SpecificCharacterSet: 0x00080005,
  TimezoneOffsetFromUTC: 0x00080201,
  SOPClassUID: 0x00080016,
  SOPInstanceUID: 0x00080018,
  StudyDate: 0x00080020,
  ModalitiesInStudy: 0x00080061,
  PatientName: 0x00100010,
  PatientID: 0x00100020,
  StudyInstanceUID: 0x0020000d,
  SeriesInstanceUID: 0x0020000e,
  InstanceNumber: 0x00200013,
  NumberOfPatientRelatedStudies: 0x00201200,
  NumberOfPatientRelatedSeries: 0x00201202,
  NumberOfPatientRelatedInstances: 0x00201204,
  NumberOfStudyRelatedSeries: 0x00201206,
  NumberOfStudyRelatedInstances: 0x00201208,
  NumberOfSeriesRelatedInstances: 0x00201209,
} as const;

/** The level at which each counted attribute begins to be known. */
export const COUNTED: ReadonlyMap<number, FindLevel> = new Map([
  [TAG.NumberOfPatientRelatedStudies, 'PATIENT'],
  [TAG.NumberOfPatientRelatedSeries, 'PATIENT'],
  [TAG.NumberOfPatientRelatedInstances, 'PATIENT'],
  [TAG.ModalitiesInStudy, 'STUDY'],
  [TAG.NumberOfStudyRelatedSeries, 'STUDY'],
  [TAG.NumberOfStudyRelatedInstances, 'STUDY'],
  [TAG.NumberOfSeriesRelatedInstances, 'SERIES'],
]);

/** Of the patient modules (PS3.3 C.7.1). */
const OF_PATIENT_KEYWORDS =
  'PatientName PatientID IssuerOfPatientID TypeOfPatientID IssuerOfPatientIDQualifiersSequence PatientBirthDate ' +
  'PatientBirthTime PatientSex QualityControlSubject OtherPatientIDs OtherPatientIDsSequence OtherPatientNames ' +
  'PatientBirthName PatientMotherBirthName EthnicGroup PatientComments PatientSpeciesDescription ' +
  'PatientSpeciesCodeSequence PatientBreedDescription PatientBreedCodeSequence ResponsiblePerson ' +
  'ResponsiblePersonRole ResponsibleOrganization PatientIdentityRemoved DeidentificationMethod ' +
  'DeidentificationMethodCodeSequence PatientAddress PatientTelephoneNumbers RegionOfResidence ' +
  'CountryOfResidence PatientReligiousPreference ClinicalTrialSponsorName ClinicalTrialProtocolID ' +
  'ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSiteName ClinicalTrialSubjectID ' +
  'ClinicalTrialSubjectReadingID ReferencedPatientSequence ReferencedPatientPhotoSequence ' +
  'SourcePatientGroupIdentificationSequence EthnicGroupCodeSequence StrainDescription StrainNomenclature ' +
  'StrainStockSequence StrainCodeSequence StrainAdditionalInformation GeneticModificationsSequence ' +
  'BreedRegistrationSequence PatientAlternativeCalendar PatientBirthDateInAlternativeCalendar ' +
  'PatientDeathDateInAlternativeCalendar';

/** Of the study modules, and of what is said of a patient at the time of a study (PS3.3 C.7.2). */
const OF_STUDY_KEYWORDS =
  'StudyDate StudyTime AccessionNumber IssuerOfAccessionNumberSequence StudyID StudyInstanceUID StudyDescription ' +
  'ReferringPhysicianName ReferringPhysicianIdentificationSequence ConsultingPhysicianName PhysiciansOfRecord ' +
  'NameOfPhysiciansReadingStudy RequestingPhysician RequestingService ProcedureCodeSequence ReferencedStudySequence ' +
  'ReasonForPerformedProcedureCodeSequence AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence PatientAge ' +
  'PatientSize PatientWeight MedicalAlerts Allergies SmokingStatus PregnancyStatus LastMenstrualDate ' +
  'PatientSexNeutered ReasonForVisit AdmissionID ServiceEpisodeID ServiceEpisodeDescription PatientState ' +
  'Occupation AdditionalPatientHistory ClinicalTrialTimePointID ClinicalTrialTimePointDescription ' +
  'OtherStudyNumbers StudyComments VisitComments ' +
  'PatientBodyMassIndex PatientSizeCodeSequence MeasuredAPDimension MeasuredLateralDimension ' +
  'IssuerOfAdmissionIDSequence IssuerOfServiceEpisodeIDSequence ReasonForVisitCodeSequence ' +
  'RequestingServiceCodeSequence ConsultingPhysicianIdentificationSequence ' +
  'PhysiciansOfRecordIdentificationSequence PhysiciansReadingStudyIdentificationSequence InterpretationAuthor';

/** Of the series, equipment and frame of reference modules (PS3.3 C.7.3 to C.7.5). */
const OF_SERIES_KEYWORDS =
  'Modality SeriesNumber SeriesInstanceUID SeriesDescription SeriesDescriptionCodeSequence SeriesDate SeriesTime ' +
  'BodyPartExamined Laterality ProtocolName PatientPosition AnatomicalOrientationType PerformingPhysicianName ' +
  'OperatorsName PerformedProcedureStepID PerformedProcedureStepStartDate PerformedProcedureStepStartTime ' +
  'PerformedProcedureStepEndDate PerformedProcedureStepEndTime PerformedProcedureStepDescription ' +
  'PerformedProtocolCodeSequence RequestAttributesSequence ReferencedPerformedProcedureStepSequence ' +
  'CommentsOnThePerformedProcedureStep Manufacturer ManufacturerModelName InstitutionName InstitutionAddress ' +
  'InstitutionalDepartmentName StationName DeviceSerialNumber DeviceUID SoftwareVersions FrameOfReferenceUID ' +
  'PositionReferenceIndicator ClinicalTrialCoordinatingCenterName ClinicalTrialSeriesID ' +
  'ClinicalTrialSeriesDescription';

/** They differ from file to file, while the index has the header of one file a series. */
const OF_INSTANCE_KEYWORDS =
  'SOPClassUID SOPInstanceUID InstanceNumber InstanceCreationDate InstanceCreationTime ContentDate ContentTime ' +
  'AcquisitionNumber AcquisitionDate AcquisitionTime AcquisitionDateTime ImagePositionPatient SliceLocation ' +
  'NumberOfFrames ContainerIdentifier CompletionFlag VerificationFlag ConceptNameCodeSequence ContentSequence';

/** They are of no file, and nothing here counts them (PS3.4 tables C.6-2, C.6-4, C.4.1.1.3): unknown, and not matched. */
const OF_NO_FILE_KEYWORDS =
  'SOPClassesInStudy AnatomicRegionsInStudyCodeSequence StorageMediaFileSetID StorageMediaFileSetUID ' +
  'RetrieveURL RetrieveURI RetrieveLocationUID QueryRetrieveView AvailableTransferSyntaxUID';

const TAGS = tagsOfKeywords(
  new Set(
    [OF_PATIENT_KEYWORDS, OF_STUDY_KEYWORDS, OF_SERIES_KEYWORDS, OF_INSTANCE_KEYWORDS, OF_NO_FILE_KEYWORDS].flatMap(
      (all) => all.split(' '),
    ),
  ),
);

function tags(keywords: string): ReadonlySet<number> {
  const tagOf = (keyword: string) => {
    const tag = TAGS.get(keyword);
    if (tag === undefined) throw ditagError('unknown-tag', { tag: keyword, hint: '' });
    return tag;
  };
  return new Set(keywords.split(' ').map(tagOf));
}

const OF_PATIENT = tags(OF_PATIENT_KEYWORDS);
const OF_STUDY = tags(OF_STUDY_KEYWORDS);
const OF_SERIES = tags(OF_SERIES_KEYWORDS);
const OF_INSTANCE = tags(OF_INSTANCE_KEYWORDS);
/** See their keywords. */
export const OF_NO_FILE = tags(OF_NO_FILE_KEYWORDS);

/** They say how others are meant, and stand in every data set (PS3.4 C.4.1.1.3.2). */
const OF_DATA_SET: ReadonlySet<number> = new Set([TAG.TimezoneOffsetFromUTC]);

/** The level at which an attribute stands. */
export function levelOf(tag: number): FindLevel {
  const counted = COUNTED.get(tag);
  if (counted !== undefined) return counted;
  if (OF_PATIENT.has(tag) || OF_DATA_SET.has(tag)) return 'PATIENT';
  if (OF_STUDY.has(tag)) return 'STUDY';
  return OF_INSTANCE.has(tag) ? 'IMAGE' : 'SERIES';
}

/** Is it known of each series, while at `level` it may be another one of each file? */
export function isOfSpeakerOnly(tag: number, level: FindLevel): boolean {
  if (level !== 'IMAGE') return false;
  return levelOf(tag) === 'SERIES' && !OF_SERIES.has(tag) && !COUNTED.has(tag);
}

export function isBelow(one: FindLevel, other: FindLevel): boolean {
  return LEVELS.indexOf(one) > LEVELS.indexOf(other);
}
