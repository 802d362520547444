// Programs of others that tests talk to, and in which role: the table of docs/conformance.md. Each names a test, and the
// program by which it is started there.

interface TriedPeer {
  readonly peer: string;
  readonly program: string;
  readonly role: 'SCU' | 'SCP';
  readonly what: string;
  readonly test: string;
}

const dcmtk = (program: string, role: TriedPeer['role'], what: string, test: string): TriedPeer => ({
  peer: `DCMTK ${program}`,
  program,
  role,
  what,
  test,
});

export const PEERS_TRIED: readonly TriedPeer[] = [
  dcmtk('storescp', 'SCP', 'C-ECHO', 'adapters/dimse/echo.test.ts'),
  dcmtk('storescp', 'SCP', 'C-STORE, with and without TLS', 'adapters/dimse/store-scu.test.ts'),
  dcmtk('storescp', 'SCP', 'C-STORE as destination of a C-MOVE', 'test/cli/retrieve.test.ts'),
  dcmtk('dcmqrscp', 'SCP', 'C-ECHO, rejections', 'adapters/dimse/echo.test.ts'),
  dcmtk('dcmqrscp', 'SCP', 'C-STORE', 'adapters/dimse/store-scu.test.ts'),
  dcmtk('dcmqrscp', 'SCP', 'C-FIND at STUDY, SERIES and IMAGE level, C-MOVE, C-GET', 'test/projects/real-pacs.test.ts'),
  dcmtk('echoscu', 'SCU', 'C-ECHO, with and without TLS', 'adapters/dimse/listener.test.ts'),
  dcmtk('storescu', 'SCU', 'C-STORE, with and without TLS', 'adapters/dimse/listener.test.ts'),
  dcmtk(
    'dcmsend',
    'SCU',
    'C-STORE over several associations, and while the gateway is killed',
    'test/cli/gateway.test.ts',
  ),
  dcmtk('findscu', 'SCU', 'C-FIND at every level, in both models', 'test/cli/find.test.ts'),
  dcmtk('movescu', 'SCU', 'C-MOVE', 'test/cli/retrieve.test.ts'),
  dcmtk('movescu', 'SCU', 'C-MOVE from a gateway of a cluster', 'test/cluster/peers.test.ts'),
  dcmtk('findscu', 'SCU', 'C-FIND of a gateway of a cluster', 'test/cluster/peers.test.ts'),
  dcmtk('storescp', 'SCP', 'C-STORE over TLS, sent by a gateway of a cluster', 'test/cluster/peers.test.ts'),
  dcmtk('getscu', 'SCU', 'C-GET at every level, in both models', 'test/cli/retrieve.test.ts'),
  { peer: 'Orthanc', program: 'Orthanc', role: 'SCP', what: 'C-ECHO, C-STORE', test: 'test/cli/orthanc.test.ts' },
  {
    peer: 'Orthanc',
    program: 'Orthanc',
    role: 'SCP',
    what: 'C-FIND at STUDY, SERIES and IMAGE level, C-MOVE, C-GET',
    test: 'test/projects/real-pacs.test.ts',
  },
  { peer: 'Orthanc', program: 'Orthanc', role: 'SCU', what: 'C-STORE on a C-MOVE', test: 'test/cli/orthanc.test.ts' },
  {
    peer: 'pynetdicom',
    program: 'pynetdicom',
    role: 'SCU',
    what: 'C-ECHO, C-STORE',
    test: 'adapters/dimse/listener.test.ts',
  },
  {
    peer: 'pynetdicom',
    program: 'pynetdicom',
    role: 'SCU',
    what: 'C-FIND, C-GET, C-MOVE',
    test: 'test/cli/retrieve.test.ts',
  },
  {
    peer: 'pynetdicom',
    program: 'pynetdicom',
    role: 'SCP',
    what: 'C-STORE of every sample',
    test: 'adapters/dimse/store-scu.test.ts',
  },
  {
    peer: 'dcmjs-dimse',
    program: 'dcmjs-dimse',
    role: 'SCU',
    what: 'C-ECHO, C-STORE',
    test: 'adapters/dimse/dcmjs-dimse.test.ts',
  },
  {
    peer: 'dcmjs-dimse',
    program: 'dcmjs-dimse',
    role: 'SCP',
    what: 'C-ECHO, C-STORE',
    test: 'adapters/dimse/dcmjs-dimse.test.ts',
  },
];
