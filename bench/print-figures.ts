/**
 * Figures as Markdown: the same text goes to the terminal and, by report.ts, into
 * docs/performance.md.
 */
import { isReached, type SavedRun, type Table, type Target } from './figures.ts';
import { short } from './statistics.ts';

/** A Markdown table with padded columns, so that it reads on a terminal too. */
export function printTable(table: Table): string {
  const lines = [table.columns, ...table.rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = table.columns.map((_, column) => Math.max(3, ...lines.map((row) => (row[column] ?? '').length)));
  const print = (row: string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [`${table.caption}:`, '', print(lines[0]!), rule, ...lines.slice(1).map(print)].join('\n');
}

function printTargets(targets: readonly Target[]): string {
  const said = (target: Target) => {
    const reached = isReached(target);
    return reached === null ? 'not measured' : reached ? 'yes' : 'no';
  };
  return printTable({
    caption: 'To reach',
    columns: ['figure', 'wanted', 'measured', 'reached'],
    rows: targets.map((target) => [
      target.what,
      `${target.direction} ${short(target.wanted)} ${target.unit}`.trim(),
      target.reached === null ? '-' : `${short(target.reached)} ${target.unit}`.trim(),
      said(target),
    ]),
  });
}

/** One sentence about the machine and the moment. */
function printConditions({ conditions }: SavedRun): string {
  const busy = Math.max(conditions.loadAtStart, conditions.loadAtEnd) > conditions.cores + 1;
  const scaled = conditions.scale === 1 ? '' : ` **Scaled to ${conditions.scale} of the full size.**`;
  return (
    `Measured ${conditions.date.slice(0, 10)} in ${short(conditions.seconds)} s on ${conditions.cores} cores (${conditions.processor}), ` +
    `${conditions.memoryGB} GB of memory, Node ${conditions.node}; load average ${conditions.loadAtStart.toFixed(1)} at the start, ` +
    `${conditions.loadAtEnd.toFixed(1)} at the end${busy ? ' (**high: others were using the machine; trust the ratios only**)' : ''}.${scaled}`
  );
}

/** A whole run: tables, targets, notes. */
export function printRun(run: SavedRun): string {
  const notes = run.figures.notes.map((note) => `- ${note}`).join('\n');
  const parts = [printConditions(run), ...run.figures.tables.map(printTable)];
  if (run.figures.targets.length > 0) parts.push(printTargets(run.figures.targets));
  if (notes) parts.push(notes);
  return parts.join('\n\n');
}
