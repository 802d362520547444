#!/usr/bin/env node
// The entry of the program `ditag`. It only makes sure that Node is new enough, in syntax that any Node understands;
// the program itself is in program.ts.

/** The oldest Node with all that ditag uses: SQLite and Zstandard among its modules. */
const NODE_WANTED = 24;

if (Number(process.versions.node.split('.')[0]) < NODE_WANTED) {
  process.stderr.write(`ditag needs Node.js ${NODE_WANTED} or newer; this is ${process.version}.\n`);
  process.exitCode = 2;
} else {
  const { main } = await import('./program.ts');
  process.exitCode = await main(process.argv);
}
