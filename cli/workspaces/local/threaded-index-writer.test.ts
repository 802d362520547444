// What is written by the index thread passes the contract of InstanceIndex, as what its writer writes alone.
import path from 'node:path';
import { after } from 'node:test';
import { type OpenWriter, scannedIndex } from '../../../adapters/sqlite/test-index.ts';
import { temporaryFolder } from '../../../test/cli/run-ditag.ts';
import { instanceIndexContract } from '../../../test/contracts/instance-index.ts';
import { ThreadedIndexWriter } from './threaded-index-writer.ts';

const inThread: OpenWriter = (databasePath, archive, append) =>
  ThreadedIndexWriter.open({ databasePath, archive, root: '/nowhere', append, config: 'config.ini' }, () => {});

instanceIndexContract('sqlite, written by its thread', (scans) =>
  scannedIndex(path.join(temporaryFolder({ after }), 'dicom.db'), scans, inThread),
);
