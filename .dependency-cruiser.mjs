// The layers of ditag as rules (docs/architecture.md, "Layers"). Each has a name and says what to do instead.
// `test/boundaries.test.ts` shows that a forbidden import fails.

/** Node's modules that do no I/O. */
const PURE_NODE = ['buffer', 'crypto', 'zlib'];
const pureNode = `^(node:)?(${PURE_NODE.join('|')})$`;

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'dicom-knows-only-itself',
      comment:
        'core/dicom turns bytes into values and knows nothing of ditag. Hand it what it needs as an argument; what is kept of an instance belongs into core/instance.',
      severity: 'error',
      from: { path: '^core/dicom/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^core/dicom/|^(node:)?(buffer|zlib)$' },
    },
    {
      name: 'dimse-knows-dicom-only',
      comment:
        'core/dimse turns bytes into PDUs and messages and knows nothing of ditag but core/dicom. Sockets and timers belong into adapters/dimse.',
      severity: 'error',
      from: { path: '^core/dimse/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^core/(dimse|dicom)/|^(node:)?(buffer|zlib)$' },
    },
    {
      name: 'core-does-no-io',
      comment:
        'core is what ditag knows: no files, sockets, databases, processes. Say what is needed as an interface in core/ports and implement it in an adapter.',
      severity: 'error',
      from: { path: '^core/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: pureNode },
    },
    {
      name: 'core-knows-nobody-above',
      comment: 'core may not know who uses it. Move the shared part into core, or pass it in through a port.',
      severity: 'error',
      from: { path: '^core/' },
      to: { path: '^(adapters|services|cli|bench|scripts)/' },
    },
    {
      name: 'core-libraries-are-named',
      comment:
        'Libraries in core must do no I/O and are named here one by one: csv-parse and csv-stringify (core/query/csv-reader.ts, csv.ts), string-width (core/query/parsed-formats.ts), typebox (core/wire, core/settings). Add a name with its reason in docs/dependencies.md, or use it from an adapter.',
      severity: 'error',
      from: { path: '^core/', pathNot: '\\.test\\.ts$' },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'npm-no-pkg', 'npm-unknown'],
        pathNot: 'node_modules/(csv-parse|csv-stringify|string-width|typebox)/',
      },
    },
    {
      name: 'adapters-know-core-only',
      comment:
        'An adapter implements ports for one outside thing. What two adapters share belongs into core (or, a call of the system that all need, into adapters/system); what puts them together into a composition root.',
      severity: 'error',
      from: { path: '^adapters/([^/]+)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(adapters|services|cli)/', pathNot: '^adapters/($1|system)/' },
    },
    {
      name: 'services-know-core-only',
      comment: "A service's app.ts is built from ports; only its main.ts may name adapters.",
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: '(^services/[^/]+/main\\.ts|\\.test\\.ts)$' },
      to: { path: '^(adapters|services|cli)/', pathNot: '^services/$1/' },
    },
    {
      name: 'services-know-no-other',
      comment:
        "A service's main.ts puts together adapters and its own app, and nothing of another service. That of the API alone runs what the command line runs (docs/architecture.md).",
      severity: 'error',
      from: { path: '^services/([^/]+)/main\\.ts$', pathNot: '^services/api/' },
      to: { path: '^services/(?!$1/)|^cli/' },
    },
    {
      name: 'the-page-runs-in-browsers',
      comment:
        'The page is bundled for browsers with all that it imports: it knows preact, and the API by its schemas, as types only (services/api/schemas.ts).',
      severity: 'error',
      from: { path: '^services/api/page/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^services/api/page/|node_modules/(preact|@preact/signals)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'cli-names-adapters-in-workspaces-only',
      comment: 'Commands and reporters know the Workspace interface. Put parts together in cli/workspaces.',
      severity: 'error',
      from: { path: '^cli/', pathNot: '^cli/workspaces/|\\.test\\.ts$' },
      to: { path: '^adapters/', pathNot: '^adapters/system/' },
    },
    {
      name: 'cli-knows-apps-of-services-only',
      comment: "Of a service the CLI may use its app.ts, for the embedded mode; the rest is the service's own.",
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^services/', pathNot: '^services/[^/]+/app\\.ts$' },
    },
    {
      name: 'no-test-code-in-the-product',
      comment: 'Tests, benchmarks and scripts are not shipped: move what is needed into core, an adapter or the CLI.',
      severity: 'error',
      from: { path: '^(core|adapters|services|cli)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(test|bench|scripts)/|\\.test\\.ts$' },
    },
    {
      name: 'no-development-dependency-in-the-product',
      comment: 'A published ditag has no development dependencies: move the package to "dependencies", or do without.',
      severity: 'error',
      from: { path: '^(core|adapters|services|cli)/', pathNot: '\\.test\\.ts$|^services/api/page/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-circles',
      comment: 'Modules that need each other are one subject or have a third one in common: merge them or take it out.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.cache)/' },
  },
};
