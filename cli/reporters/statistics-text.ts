// What `ditag stats` prints for people: totals, then series by modality and by year as bars.
import { SKIP_REASON_TEXT, type SkipReason } from '../../core/instance/skipped.ts';
import type { CountedValue, IndexStatistics } from '../../core/ports/instance-index.ts';

const BAR = 40;

export function statisticsText(statistics: IndexStatistics): string {
  const { archives, firstDate, lastDate } = statistics;
  const lines: string[] = [];
  for (const archive of archives) {
    lines.push(`Archive: ${archive.name.replace(/[\x00-\x1f\x7f]/g, ' ')}`);
    lines.push(
      `  indexed ${archive.indexedAt}, files: ${grouped(archive.files)}, instances: ${grouped(archive.instances)}`,
    );
    for (const [reason, n] of Object.entries(archive.skipped)) {
      lines.push(`  skipped, ${SKIP_REASON_TEXT[reason as SkipReason] ?? reason}: ${grouped(n)}`);
    }
  }
  lines.push('');
  const span = firstDate === undefined ? 'no dates' : `${day(firstDate)} to ${day(lastDate!)}`;
  const totals: [string, string][] = [
    ['Patients', grouped(statistics.patients)],
    ['Studies', grouped(statistics.studies)],
    ['Series', grouped(statistics.series)],
    ['Instances', grouped(statistics.instances)],
    ['Study dates', span],
  ];
  if (statistics.mixedSeries > 0) totals.push(['Series whose files disagree', grouped(statistics.mixedSeries)]);
  for (const [issue, n] of Object.entries(statistics.issues)) totals.push([`Series with ${issue}`, grouped(n)]);
  const width = Math.max(...totals.map(([name]) => name.length));
  for (const [name, value] of totals) lines.push(`${name.padEnd(width)}  ${value}`);
  lines.push('', 'Series by modality', ...bars(statistics.byModality, '(none)'));
  lines.push('', 'Series by year', ...bars(statistics.byYear, '(no date)'));
  return `${lines.join('\n')}\n`;
}

function bars(values: readonly CountedValue[], missing: string): string[] {
  const most = Math.max(1, ...values.map((value) => value.series));
  const names = values.map(({ value }) => (value === '' ? missing : value.replace(/[\x00-\x1f\x7f]/g, ' ')));
  const width = Math.max(0, ...names.map((name) => name.length));
  const digits = Math.max(0, ...values.map((value) => grouped(value.series).length));
  return values.map(({ series }, i) => {
    const bar = '█'.repeat(Math.max(1, Math.round((series / most) * BAR)));
    return `  ${names[i]!.padEnd(width)}  ${grouped(series).padStart(digits)}  ${bar}`;
  });
}

function day(date: number): string {
  const text = String(date).padStart(8, '0');
  return `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`;
}

export function grouped(n: number): string {
  return n.toLocaleString('en-US');
}
