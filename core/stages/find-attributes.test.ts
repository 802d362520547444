// At which level of Query/Retrieve an attribute stands: that of its module in PS3.3.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tagOfKeyword } from '../dicom/dictionary.ts';
import { levelOf } from './find-attributes.ts';

/** Patient (PS3.3 C.7.1.1, with what breeds and strains add), and the optional keys of PS3.4 table C.6-1. */
const PATIENT =
  'PatientName PatientID IssuerOfPatientID TypeOfPatientID IssuerOfPatientIDQualifiersSequence ' +
  'SourcePatientGroupIdentificationSequence PatientBirthDate PatientBirthTime PatientBirthDateInAlternativeCalendar ' +
  'PatientDeathDateInAlternativeCalendar PatientAlternativeCalendar PatientSex ReferencedPatientSequence ' +
  'ReferencedPatientPhotoSequence QualityControlSubject OtherPatientIDsSequence OtherPatientNames EthnicGroup ' +
  'EthnicGroupCodeSequence PatientComments PatientSpeciesDescription PatientSpeciesCodeSequence ' +
  'PatientBreedDescription PatientBreedCodeSequence BreedRegistrationSequence StrainDescription StrainNomenclature ' +
  'StrainCodeSequence StrainAdditionalInformation StrainStockSequence GeneticModificationsSequence ' +
  'ResponsiblePerson ResponsiblePersonRole ResponsibleOrganization PatientIdentityRemoved DeidentificationMethod ' +
  'DeidentificationMethodCodeSequence NumberOfPatientRelatedStudies';
/** General Study and Patient Study (PS3.3 C.7.2.1, C.7.2.2), and the optional keys of PS3.4 table C.6-2. */
const STUDY =
  'StudyInstanceUID StudyDate StudyTime ReferringPhysicianName ReferringPhysicianIdentificationSequence ' +
  'ConsultingPhysicianName ConsultingPhysicianIdentificationSequence StudyID AccessionNumber ' +
  'IssuerOfAccessionNumberSequence StudyDescription PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence ' +
  'NameOfPhysiciansReadingStudy PhysiciansReadingStudyIdentificationSequence RequestingService ' +
  'RequestingServiceCodeSequence ReferencedStudySequence ProcedureCodeSequence ' +
  'ReasonForPerformedProcedureCodeSequence AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence PatientAge ' +
  'PatientSize PatientWeight PatientBodyMassIndex MeasuredAPDimension MeasuredLateralDimension ' +
  'PatientSizeCodeSequence MedicalAlerts Allergies SmokingStatus PregnancyStatus LastMenstrualDate PatientState ' +
  'Occupation AdditionalPatientHistory AdmissionID IssuerOfAdmissionIDSequence ReasonForVisit ' +
  'ReasonForVisitCodeSequence ServiceEpisodeID IssuerOfServiceEpisodeIDSequence ServiceEpisodeDescription ' +
  'VisitComments PatientSexNeutered OtherStudyNumbers InterpretationAuthor ModalitiesInStudy';
const SERIES = 'Modality SeriesInstanceUID SeriesNumber SeriesDescription BodyPartExamined ProtocolName';
const IMAGE = 'SOPInstanceUID SOPClassUID InstanceNumber';

test('attributes stand at the level of their module', () => {
  for (const [level, keywords] of Object.entries({ PATIENT, STUDY, SERIES, IMAGE }))
    for (const keyword of keywords.split(' ')) assert.equal(levelOf(tagOfKeyword(keyword)!), level, keyword);
});
