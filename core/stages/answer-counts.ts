// How many answers a PACS has given to one query. One that cuts its answers off says nothing of it, so a number at which
// that is often done is doubted, until the PACS has given more than that to another query of the same level.

export type QueryLevel = 'STUDY' | 'SERIES' | 'IMAGE';

interface Doubt {
  readonly level: QueryLevel;
  readonly answers: number;
}

export class AnswerCounts {
  private readonly most = new Map<QueryLevel, number>();
  /** By accession number: what was taken for cut off. */
  private readonly doubts = new Map<string, Doubt[]>();

  saw(level: QueryLevel, answers: number): void {
    if (answers > (this.most.get(level) ?? 0)) this.most.set(level, answers);
  }

  /** Round numbers and powers of two, as long as the PACS has not given more. */
  mayBeLimit(level: QueryLevel, answers: number): boolean {
    const isUsual = answers >= 16 && (answers % 50 === 0 || (answers & (answers - 1)) === 0 || answers === 255);
    return isUsual && !this.isOvertaken({ level, answers });
  }

  /** An accession number is not believed for this alone. */
  doubt(accession: string, level: QueryLevel, answers: number): void {
    this.doubts.set(accession, [...(this.doubts.get(accession) ?? []), { level, answers }]);
  }

  /** Which of these were doubted and would be believed by now; forgets the doubts. */
  takeOvertaken(accessions: readonly string[]): ReadonlySet<string> {
    const overtaken = new Set<string>();
    for (const accession of accessions) {
      const doubts = this.doubts.get(accession) ?? [];
      if (doubts.length > 0 && doubts.every((doubt) => this.isOvertaken(doubt))) overtaken.add(accession);
      this.doubts.delete(accession);
    }
    return overtaken;
  }

  private isOvertaken({ level, answers }: Doubt): boolean {
    return (this.most.get(level) ?? 0) > answers;
  }
}
