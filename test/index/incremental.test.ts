// An index that was brought up to date again and again answers exactly as one that is made anew from the same tree:
// random trees, randomly changed, with interrupted runs in between. The seed of a failure is printed by fast-check.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { answersOf, indexHere } from './index-here.ts';
import { dicomFile, type Instance, LONG_AGO, writeFile } from './make-archive.ts';

const RUNS = process.env['DITAG_LONG'] === undefined ? 60 : 1_000;

const FOLDERS = ['', 'a', 'a/b', 'a-b', 'a/b/c', 'B', 'z z', 'é'];
const NAMES = ['1', '2', '10', 'a', 'a.dcm', 'IM\n1', 'é'];
/** The last ones are malformed, but a file may have them. */
const SERIES = ['1.2', '1.2.3', '1.10', '9', '1.2 x', 'ä.1', '1,2', '1"2'];
const WELL_FORMED = 4;

type Content =
  | { readonly kind: 'instance'; readonly series: number; readonly sop: number; readonly variant: number }
  | { readonly kind: 'other'; readonly text: string };
type Step =
  | { readonly step: 'write'; readonly folder: number; readonly name: number; readonly content: Content }
  | { readonly step: 'remove'; readonly folder: number; readonly name: number }
  | { readonly step: 'remove-folder'; readonly folder: number }
  | { readonly step: 'move'; readonly folder: number; readonly to: number }
  | { readonly step: 'touch'; readonly folder: number; readonly name: number }
  | { readonly step: 'index'; readonly stopAfter: number | undefined; readonly order: number };

const number = (below: number) => fc.nat(below - 1);
const contents = (series: number): fc.Arbitrary<Content> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('instance' as const),
        series: number(series),
        sop: number(30),
        variant: number(5),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('other' as const), text: fc.constantFrom('', 'text', 'DICM') }),
    },
  );
const folder = number(FOLDERS.length);
const name = number(NAMES.length);
const steps = (series: number): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ step: fc.constant('write' as const), folder, name, content: contents(series) }),
    },
    { weight: 3, arbitrary: fc.record({ step: fc.constant('remove' as const), folder, name }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('remove-folder' as const), folder }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('move' as const), folder, to: folder }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('touch' as const), folder, name }) },
    {
      weight: 4,
      arbitrary: fc.record({
        step: fc.constant('index' as const),
        stopAfter: fc.option(number(6), { nil: undefined }),
        order: number(1000),
      }),
    },
  );

function instance({ series, sop, variant }: Extract<Content, { kind: 'instance' }>): Instance {
  const SeriesInstanceUID = SERIES[series]!;
  // Files of a series disagree in all that can disagree; some values are missing in some of them.
  const base: Instance = { SeriesInstanceUID, SOPInstanceUID: `1.9.${sop}`, StudyInstanceUID: `1.1.${variant % 2}` };
  switch (variant) {
    case 0:
      return { ...base, StudyDate: '20200101', PatientName: 'A', Modality: 'MR' };
    case 1:
      return {
        ...base,
        StudyDate: '19991231',
        PatientName: 'B,"C"',
        Modality: 'CT',
        elements: [[0x00180081, 'DS', '1']],
      };
    case 2:
      return {
        ...base,
        PatientID: 'P',
        elements: [
          [0x00190010, 'LO', 'ACME'],
          [0x00191010, 'LO', 'x\x1fy'],
        ],
      };
    case 3:
      return { ...base, StudyDate: '1999.12.31', StudyDescription: 'Größe\x1f1', elements: [[0x00400275, 'SQ', [[]]]] };
    default:
      return { ...base, StudyDate: '20200101', PatientName: 'A', Modality: 'MR', elements: [[0x00180081, 'DS', '2']] };
  }
}

class Tree {
  readonly root: string;
  private clock = LONG_AGO;

  constructor(root: string) {
    this.root = root;
    fs.mkdirSync(root);
    // One file that is always there: an archive is recognised by what it holds.
    writeFile(root, 'README', 'not DICOM');
  }

  change(step: Step): void {
    if (step.step === 'index') return;
    const at = path.join(this.root, FOLDERS[step.folder]!);
    const seconds = (this.clock += 10);
    if (step.step === 'remove-folder') {
      if (at !== path.join(this.root)) fs.rmSync(at, { recursive: true, force: true });
      return;
    }
    if (step.step === 'move') {
      const to = path.join(this.root, FOLDERS[step.to]!);
      if (at === this.root || to === this.root || !fs.existsSync(at) || `${to}/`.startsWith(`${at}/`)) return;
      fs.rmSync(to, { recursive: true, force: true });
      if (entry(path.dirname(to))?.isDirectory() === true && fs.existsSync(at)) fs.renameSync(at, to);
      return;
    }
    const file = path.join(at, NAMES[step.name]!);
    const there = entry(file);
    if (step.step === 'write') {
      // A name is a file here and a folder there: what is in the way goes.
      if (there?.isDirectory() === true) fs.rmSync(file, { recursive: true });
      for (let above = at; above !== this.root; above = path.dirname(above))
        if (entry(above)?.isFile() === true) fs.rmSync(above);
      const bytes = step.content.kind === 'other' ? step.content.text : dicomFile(instance(step.content));
      writeFile(this.root, path.relative(this.root, file), bytes, seconds);
    } else if (there?.isFile() === true) {
      if (step.step === 'remove') fs.rmSync(file);
      else fs.utimesSync(file, seconds, seconds);
    }
  }
}

/** What stands at a path; undefined for nothing, also where a file is in the place of a folder. */
function entry(file: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(file);
  } catch {
    return undefined;
  }
}

/** Like a shuffled deck, but always the same for one seed. */
function picker(seed: number): (waiting: number) => number {
  let state = seed + 1;
  return (waiting) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % waiting;
  };
}

async function sameAsFresh(t: TestContext, series: number, numRuns: number): Promise<void> {
  const folder = temporaryFolder(t, 'memory');
  let n = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(steps(series), { minLength: 5, maxLength: 40 }), async (changes) => {
      const here = path.join(folder, String(n++));
      fs.mkdirSync(here);
      const tree = new Tree(path.join(here, 'archive'));
      const database = path.join(here, 'dicom.db');
      let fresh = 0;
      try {
        for (const step of [...changes, { step: 'index', stopAfter: undefined, order: 1 } as const]) {
          tree.change(step);
          if (step.step !== 'index') continue;
          const { stopAfter, order } = step;
          const run = { acceptDeletions: true, pick: picker(order) };
          const { report } = await indexHere(database, tree.root, {
            ...run,
            ...(stopAfter !== undefined && { stopAfter }),
          });
          if (report === undefined) continue;
          const anew = path.join(here, `fresh${fresh++}.db`);
          await indexHere(anew, tree.root, run);
          assert.deepEqual(await answersOf(database), await answersOf(anew));
          const again = await indexHere(database, tree.root, { acceptDeletions: true });
          assert.equal(again.opened, 0, 'an unchanged archive is not opened');
        }
      } finally {
        fs.rmSync(here, { recursive: true, force: true });
      }
    }),
    { numRuns, endOnFailure: process.env['DITAG_SHRINK'] === undefined },
  );
}

test('incremental runs answer like a fresh index', { timeout: 120_000 }, async (t) => {
  await sameAsFresh(t, WELL_FORMED, RUNS);
});

test('so they do where SeriesInstanceUIDs are malformed', { timeout: 120_000 }, async (t) => {
  await sameAsFresh(t, SERIES.length, Math.ceil(RUNS / 3));
});
