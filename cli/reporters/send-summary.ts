// What `ditag send` says at its end: how many instances had which outcome, and why some were not stored.
import { isSent, SEND_OUTCOMES, type SendOutcome, type SendResult } from '../../core/instance/send-outcome.ts';
import { grouped } from './statistics-text.ts';

const TEXTS: Readonly<Record<SendOutcome, string>> = {
  stored: 'stored',
  warning: 'stored with warning',
  copy: 'further files of the same instances',
  refused: 'refused',
  missing: 'missing on disk',
  'not-indexed': 'series not in the index',
  failed: 'failed',
};
/** Reasons that are told, the most frequent first. */
const MOST_REASONS = 20;

export class SendCounts {
  private readonly outcomes = new Map<SendOutcome, number>();
  private readonly why = new Map<string, number>();
  private readonly series = new Set<string>();
  private bytes = 0;
  /** Instances that were stored, and everything that was not. */
  sent = 0;
  notSent = 0;

  add({ SeriesInstanceUID, outcome, reason, bytes }: SendResult): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (outcome === 'stored' || outcome === 'warning') {
      this.sent++;
      this.series.add(SeriesInstanceUID);
    }
    if (!isSent(outcome)) this.notSent++;
    this.bytes += bytes;
    if (outcome === 'stored' || outcome === 'copy') return;
    const text = `${TEXTS[outcome]}: ${reason}`;
    this.why.set(text, (this.why.get(text) ?? 0) + 1);
  }

  /** What was sent, in words. */
  get volume(): string {
    return `${(this.bytes / 1e6).toFixed(1)} MB`;
  }

  /** @param listed series of the list */
  summary(listed: number, peer: string): string {
    const told = SEND_OUTCOMES.filter((outcome) => this.outcomes.has(outcome));
    const parts = told.map((outcome) => `${TEXTS[outcome]}: ${grouped(this.outcomes.get(outcome)!)}`);
    const [sent, some] = [this.series.size, grouped(this.series.size)];
    const of = sent === listed ? some : `${some} of the ${grouped(listed)}`;
    const lines = [`Sent ${grouped(this.sent)} instances of ${of} series (${this.volume}) to ${peer}.`];
    if (parts.length > 0) lines.push(`${parts.join(', ').replace(/^./, (first) => first.toUpperCase())}`);
    return `${lines.join('\n')}\n`;
  }

  /** Why instances were not simply stored, with their numbers; '' where all were. */
  reasons(): string {
    const sorted = [...this.why].sort((a, b) => b[1] - a[1]);
    const lines = sorted.slice(0, MOST_REASONS).map(([text, count]) => `${grouped(count)} x ${text}`);
    if (sorted.length > MOST_REASONS) lines.push(`… and ${sorted.length - MOST_REASONS} more reasons`);
    return lines.map((line) => `${line}\n`).join('');
  }
}
